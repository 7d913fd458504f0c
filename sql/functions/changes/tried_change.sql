-- tried_change: change_job, of which nothing is left where it fails. Returns: as that; code held where
-- something passing is in the way, as somebody who holds the job's row.   Raises: what says nothing of the
-- job: a name that is not there, or a right that is missing (3F, 42).
create or replace function kronos.tried_change(p_operation kronos.operations, p_job_id uuid) returns jsonb
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_refusal jsonb;
begin
    v_refusal := kronos.change_job(p_operation, p_job_id);
    perform kronos.settle_alarms();      -- what pg_cron refuses is this job's, and stops no other
    return v_refusal;
exception when others then
    if kronos.is_passing(sqlstate) then
        return jsonb_build_object('code', 'held',
                                  'detail', 'somebody held the job: try it again');
    elsif left(sqlstate, 2) in ('3F', '42') then
        raise;
    end if;
    return kronos.refusal_of(sqlstate, sqlerrm);
end
$$;
