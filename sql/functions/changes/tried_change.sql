-- tried_change: change_job as a subtransaction: if it fails, nothing remains of it.
-- Returns: as change_job; code held if a passing error is in the way, such as another session's lock on the
-- job's row.
-- Raises: errors that do not concern the job: a missing object or a missing privilege (3F, 42).
create or replace function kronos.tried_change(p_operation kronos.operations, p_job_id uuid) returns jsonb
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_refusal jsonb;
begin
    v_refusal := kronos.change_job(p_operation, p_job_id);
    perform kronos.settle_alarms();      -- an error from pg_cron counts for this job and stops no other
    return v_refusal;
exception when others then
    if kronos.is_passing(sqlstate) then
        return jsonb_build_object('code', 'held',
                                  'detail', 'another session held the job; try again');
    elsif left(sqlstate, 2) in ('3F', '42') then
        raise;
    end if;
    return kronos.refusal_of(sqlstate, sqlerrm);
end
$$;
