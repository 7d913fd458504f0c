-- disabling_rule: after how long, and after how many attempts, an endpoint that only fails is disabled,
-- according to its present version, and how often it is tried then.
-- Returns: one row; seconds null: never; probe_seconds null: it is enabled only by hand; since: when that
-- version was created.
create or replace function kronos.disabling_rule(p_endpoint_id uuid, out seconds integer,
                                                 out attempts integer, out probe_seconds integer,
                                                 out since timestamptz)
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select (policy ->> 'disable_after_seconds')::integer,
           coalesce((policy ->> 'disable_after_attempts')::integer, 10),
           case when policy ? 'probe_seconds' then (policy ->> 'probe_seconds')::integer else 300 end,
           made_at
      from (select spec_of.retry_policy, made_of.created_at
              from kronos.endpoints as endpoint
              join kronos.endpoint_versions as made_of using (endpoint_id, version)
              join kronos.endpoint_versions as spec_of on spec_of.endpoint_id = made_of.endpoint_id
               and spec_of.version = coalesce(made_of.spec_version, made_of.version)
             where endpoint.endpoint_id = p_endpoint_id) as present (policy, made_at)
$$;
