-- is_found: whether a job with a row matches a search text (search_jobs): in its name, title, description of
-- the schedule or a tag, in the name of its endpoint (p_named: endpoints that match the text) or, from four
-- hexadecimal digits on, as the beginning of its id. Inlined.
create or replace function kronos.is_found(p_job kronos.jobs, p_q text, p_named uuid[]) returns boolean
language sql stable
as $$
    select (position(E'\n' in p_q) = 0
            and position(lower(p_q) in kronos.search_text(p_job.name, p_job.title, p_job.description)) > 0)
        or p_job.endpoint_id = any (p_named)
        or exists (select from unnest(p_job.tags) as tag where position(lower(p_q) in lower(tag)) > 0)
        or (p_q ~* '^[0-9a-f]{4}[0-9a-f-]*$' and starts_with(p_job.job_id::text, lower(p_q)))
$$;
