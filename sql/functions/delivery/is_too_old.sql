-- is_too_old: whether no attempt of an execution may follow, since it was due longer ago than the version of
-- its endpoint allows (max_age_seconds).
create or replace function kronos.is_too_old(p_live kronos.execution_live) returns boolean
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select coalesce(kronos.now() - p_live.run_at
                    > make_interval(secs => (spec_of.retry_policy ->> 'max_age_seconds')::integer), false)
      from kronos.endpoint_versions as made_of
      join kronos.endpoint_versions as spec_of on spec_of.endpoint_id = made_of.endpoint_id
       and spec_of.version = coalesce(made_of.spec_version, made_of.version)
     where made_of.endpoint_id = p_live.endpoint_id and made_of.version = p_live.endpoint_version
$$;
