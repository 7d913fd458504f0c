-- jobs_to_change: the newest p_limit jobs of the caller's workspace that match a filter, after a position in
-- the list (find_jobs). p_which: endpoint, trigger, tag, q, created_after, created_before, each if requested,
-- and statuses.
create or replace function kronos.jobs_to_change(p_which jsonb, p_before_created_at timestamptz,
                                                 p_before_id uuid, p_limit integer)
returns table (job_id uuid, created_at timestamptz)
language plpgsql stable rows 100 security invoker set search_path = pg_catalog, pg_temp
as $$
begin
    return query
        select found.job_id, found.created_at
          from jsonb_array_elements_text(p_which -> 'statuses') as wanted (status)
         cross join lateral kronos.find_jobs(p_which ->> 'endpoint', p_which ->> 'trigger', wanted.status,
                                             p_which ->> 'tag', p_which ->> 'q',
                                             (p_which ->> 'created_after')::timestamptz,
                                             (p_which ->> 'created_before')::timestamptz,
                                             p_before_created_at, p_before_id, p_limit) as found
         order by found.created_at desc, found.job_id desc
         limit p_limit;
end
$$;
