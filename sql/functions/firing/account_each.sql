-- account_each: account_ticks for a batch of jobs; where one row breaks the batch, each job alone, so that only the broken one stays behind, and
-- kronos.job_faults says why. A job that broke before, at the same tick, is tried alone from the beginning.
-- The caller holds the rows' locks.
-- Called by: fire, account_due, catch_up, end_jobs, settle_ticks.   Returns: how many executions were made for delivery.
create or replace function kronos.account_each(p_job_ids uuid[], p_now timestamptz) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_suspects  uuid[] := array(select fault.job_id
                                  from kronos.job_faults as fault
                                  join kronos.jobs as job using (job_id)
                                 where fault.job_id = any (p_job_ids) and fault.next_tick_at is not distinct from job.next_tick_at);
    v_sound     uuid[] := case when v_suspects = '{}' then p_job_ids else array(select unnest(p_job_ids) except select unnest(v_suspects)) end;
    v_delivered integer := 0;
    v_job_id    uuid;
begin
    begin
        v_delivered := kronos.account_ticks(v_sound, p_now);
    exception when others then
        raise warning 'kronos: % due jobs could not be accounted for together, so each is alone: % (%)', cardinality(v_sound), sqlerrm, sqlstate;
        v_suspects := v_suspects || v_sound;
    end;
    foreach v_job_id in array v_suspects loop
        begin
            v_delivered := v_delivered + kronos.account_ticks(array[v_job_id], p_now);
        exception when others then
            raise warning 'kronos: the ticks of job % cannot be accounted for: % (%)', v_job_id, sqlerrm, sqlstate;
            insert into kronos.job_faults (job_id, workspace_id, next_tick_at, sqlstate, message)
            select job.job_id, job.workspace_id, job.next_tick_at, sqlstate, sqlerrm from kronos.jobs as job where job.job_id = v_job_id
                on conflict (job_id) do update
                   set next_tick_at = excluded.next_tick_at, sqlstate = excluded.sqlstate, message = excluded.message, failed_at = excluded.failed_at;
        end;
    end loop;
    return v_delivered;
end
$$;
