-- register_pg_cron: register_entry, for callers that need pg_cron's jobid.
-- Returns: the jobid; 0 for a shared entry that is written when the transaction commits.
-- Raises: as register_entry.
create or replace function kronos.register_pg_cron(p_job_id uuid) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce((kronos.register_entry(p_job_id) ->> 'jobid')::bigint, 0);
end
$$;
