-- settle_ticks: accounts for the ticks of a CRON job up to now before the job is changed, so that no tick of the version in force is lost:
-- an ACTIVE job's become executions, a PAUSED one's are recorded as skipped. Holds the job's row lock until the transaction ends.
-- Called by: queries/jobs.sql, as the first statement of replace, cancel, pause and resume.
-- Returns: how many executions were made. 0 too where there is no such job in the caller's workspace.
create or replace function kronos.settle_ticks(p_job_id uuid) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_status text;
    v_next   timestamptz;
begin
    select status, next_tick_at into v_status, v_next
      from kronos.jobs
     where job_id = p_job_id
       and workspace_id = kronos.current_workspace_id()
       and trigger = 'CRON'
       and status in ('ACTIVE', 'PAUSED')
       for update;
    if v_next is null or v_next > clock_timestamp() then
        return 0;
    elsif v_status = 'PAUSED' then
        perform kronos.skip_ticks(p_job_id, clock_timestamp(), '{"code": "paused", "detail": "the job was paused"}');
        return 0;
    end if;
    return kronos.account_ticks(array[p_job_id], clock_timestamp());
end
$$;
