-- why_disabled: why an endpoint is disabled, and since when, as the reason of the ticks that are skipped
-- meanwhile.
-- Returns: null if it is not disabled.
create or replace function kronos.why_disabled(p_endpoint_id uuid) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('code', 'endpoint_disabled',
                              'detail', 'the endpoint was disabled: ' || (health.reason ->> 'detail'),
                              'at', kronos.iso(health.since))
      from kronos.endpoint_health as health
     where health.endpoint_id = p_endpoint_id and health.state = 'DISABLED'
$$;
