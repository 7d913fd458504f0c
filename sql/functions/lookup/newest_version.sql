-- newest_version: the newest version of a job, by its first version. Runs as the caller: row level security
-- applies.
create or replace function kronos.newest_version(p_first_version_id uuid) returns setof kronos.jobs
language plpgsql stable rows 1 security invoker set search_path = pg_catalog, pg_temp
as $$
begin
    return query
        select job.*
          from kronos.jobs as job
         where job.first_version_id = p_first_version_id
         order by job.version desc
         limit 1;
end
$$;
