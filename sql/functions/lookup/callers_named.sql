-- callers_named: the live jobs whose callbacks name an endpoint, or another job by its first version: up to
-- five names in a list, and how many more. Runs as the caller: row level security applies.
-- Returns: null if there are none.
create or replace function kronos.callers_named(p_endpoint_id uuid, p_first_version_id uuid) returns text
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
begin
    return (
        select string_agg(calling.name, ', ' order by calling.name) filter (where calling.nth <= 5)
               || case when count(*) > 5 then format(' and %s more', count(*) - 5) else '' end
          from (select named.name, row_number() over (order by named.name) as nth
                  from (select distinct coalesce(job.name, job.job_id::text) as name
                          from (select called.job_id
                                  from kronos.job_callbacks as called
                                 where called.endpoint_id = p_endpoint_id
                                 union all
                                select called.job_id
                                  from kronos.job_callbacks as called
                                 where called.first_version_id = p_first_version_id) as called
                          join kronos.jobs as job on job.job_id = called.job_id
                         where job.status in ('ACTIVE', 'PAUSED')) as named) as calling
    );
end
$$;
