-- account_due: accounts for up to 1,000 jobs whose ticks are due and on time (due_jobs).
-- Returns: the number of executions created for delivery.
create or replace function kronos.account_due(p_now timestamptz) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_job_ids constant uuid[] := kronos.due_jobs(p_now);
begin
    return case when v_job_ids = '{}' then 0 else kronos.account_each(v_job_ids, p_now) end;
end
$$;
