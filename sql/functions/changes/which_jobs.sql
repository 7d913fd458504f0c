-- which_jobs: a filter of jobs (jobs_to_change) that ends at an instant, so that jobs created later do not
-- match.
create or replace function kronos.which_jobs(p_which jsonb, p_until timestamptz) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
return p_which || jsonb_build_object('created_before',
                                     least((p_which ->> 'created_before')::timestamptz, p_until));
