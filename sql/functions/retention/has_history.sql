-- has_history: whether an execution of a retired version is kept: one that ended after p_success_since or, if
-- it failed, after p_failure_since. Ticks and runs by hand have ids from the time in which the version was in
-- force; a backfill itself keeps its version. Searches month by month, because a version may have been in
-- force for years: each search is planned for its own ids, and its locks are released.
create or replace function kronos.has_history(p_job_id uuid, p_from timestamptz, p_to timestamptz,
                                              p_success_since timestamptz, p_failure_since timestamptz)
returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    c_slack constant interval    := interval '1 hour';
    v_upper          timestamptz := p_to + c_slack;      -- newest first: kept executions are new
    v_first          uuid;
    v_end            uuid;
    v_found          boolean     := false;
begin
    while v_upper > p_from - c_slack and not v_found loop
        v_first := kronos.uuid7_floor(greatest(v_upper - interval '720 hours', p_from - c_slack));
        v_end := kronos.uuid7_floor(v_upper);
        begin
            v_found := exists (select
                                 from kronos.execution_done as done
                                where done.job_id = p_job_id
                                  and done.execution_id >= v_first and done.execution_id < v_end
                                  and done.completed_at >= case when kronos.is_success(done.status)
                                                                then p_success_since
                                                                else p_failure_since end);
            raise sqlstate 'KR020' using message = 'the month is done: its locks are released';
        exception when sqlstate 'KR020' then
            null;
        end;
        v_upper := v_upper - interval '720 hours';
    end loop;
    return v_found;
end
$$;
