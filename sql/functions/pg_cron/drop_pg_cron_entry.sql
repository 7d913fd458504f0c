-- drop_pg_cron_entry: removes one entry by id, if its name begins with kronos:.
-- Called by: reap.   Returns: whether it was there.   Raises: pg_cron's errors, e.g. 42501 for another role's entry without the right to delete it.
create or replace function kronos.drop_pg_cron_entry(p_jobid bigint) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from cron.job as entry where entry.jobid = p_jobid and entry.jobname like 'kronos:%') then
        return false;
    end if;
    return cron.unschedule(p_jobid);
end
$$;
