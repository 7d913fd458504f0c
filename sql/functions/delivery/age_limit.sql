-- age_limit: until when an execution may be retried, according to the version of its endpoint
-- (max_age_seconds).
-- Returns: null if that version sets no limit.
create or replace function kronos.age_limit(p_live kronos.execution_live) returns timestamptz
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select p_live.run_at + make_interval(secs => (spec_of.retry_policy ->> 'max_age_seconds')::integer)
      from kronos.endpoint_versions as made_of
      join kronos.endpoint_versions as spec_of on spec_of.endpoint_id = made_of.endpoint_id
       and spec_of.version = coalesce(made_of.spec_version, made_of.version)
     where made_of.endpoint_id = p_live.endpoint_id and made_of.version = p_live.endpoint_version
$$;
