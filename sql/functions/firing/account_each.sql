-- account_each: account_ticks for a batch of jobs; where one row breaks the batch, each job alone, so that only the broken one stays behind.
-- The caller holds the rows' locks.
-- Called by: account_due, end_jobs, settle_ticks.   Returns: how many executions were made for delivery. A job that cannot be accounted for is warned of.
create or replace function kronos.account_each(p_job_ids uuid[], p_now timestamptz) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_job_id    uuid;
    v_delivered integer := 0;
begin
    begin
        return kronos.account_ticks(p_job_ids, p_now);
    exception when others then
        raise warning 'kronos: % due jobs could not be accounted for together, so each is alone: % (%)', cardinality(p_job_ids), sqlerrm, sqlstate;
    end;
    foreach v_job_id in array p_job_ids loop
        begin
            v_delivered := v_delivered + kronos.account_ticks(array[v_job_id], p_now);
        exception when others then
            raise warning 'kronos: the ticks of job % cannot be accounted for: % (%)', v_job_id, sqlerrm, sqlstate;
        end;
    end loop;
    return v_delivered;
end
$$;
