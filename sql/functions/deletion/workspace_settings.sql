-- workspace_settings: what people have configured in a workspace besides jobs, counted up to p_at_most per
-- kind.
-- Returns: an object with one member per kind, always all of them.
create or replace function kronos.workspace_settings(p_workspace_id uuid, p_at_most integer) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
begin
    return jsonb_build_object(
        'endpoints', (select count(*) from (
            select from kronos.endpoints as each where each.workspace_id = p_workspace_id
               and each.deleted_at is null
             limit p_at_most) as found),
        'configs', (select count(*) from (
            select from kronos.documents as each where each.workspace_id = p_workspace_id
               and each.kind = 'CONFIG' and each.deleted_at is null
             limit p_at_most) as found),
        'payload_specs', (select count(*) from (
            select from kronos.documents as each where each.workspace_id = p_workspace_id
               and each.kind = 'PAYLOAD_SPEC' and each.deleted_at is null
             limit p_at_most) as found),
        'calendars', (select count(*) from (
            select from kronos.documents as each where each.workspace_id = p_workspace_id
               and each.kind = 'CALENDAR' and each.deleted_at is null
             limit p_at_most) as found),
        'secrets', (select count(*) from (
            select from kronos.secrets as each where each.workspace_id = p_workspace_id
             limit p_at_most) as found),
        'heartbeats', (select count(*) from (
            select from kronos.beats as each where each.workspace_id = p_workspace_id
               and each.deleted_at is null
             limit p_at_most) as found),
        'alert_rules', (select count(*) from (
            select from kronos.alert_rules as each where each.workspace_id = p_workspace_id
             limit p_at_most) as found),
        'sql_grants', (select count(*) from (
            select from kronos.sql_grants as each where each.workspace_id = p_workspace_id
             limit p_at_most) as found),
        'keys', (select count(*) from (
            select from kronos.api_keys as each where each.workspace_id = p_workspace_id
               and each.revoked_at is null
               and (each.expires_at is null or each.expires_at > kronos.now())
             limit p_at_most) as found),
        'role_mappings', (select count(*) from (
            select from kronos.role_mappings as each where each.workspace_id = p_workspace_id
             limit p_at_most) as found));
end
$$;
