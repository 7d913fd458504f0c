-- known_keys: the given keys that are still valid, with their current permissions. valid_seconds: until a key
-- expires; null: never. plpgsql, because its plan is kept.
create or replace function kronos.known_keys(p_key_ids uuid[])
returns table (key_id uuid, role text, sees_payloads boolean, workspace_id uuid, workspace text,
               valid_seconds double precision)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return query
        select key.key_id, key.role, key.sees_payloads, key.workspace_id, workspace.slug,
               extract(epoch from key.expires_at - kronos.clock())::double precision
          from kronos.api_keys as key
          left join kronos.workspaces as workspace on workspace.workspace_id = key.workspace_id
         where key.key_id = any (p_key_ids)
           and key.revoked_at is null
           and (key.expires_at is null or key.expires_at > kronos.clock())
           and (key.workspace_id is null or workspace.status <> 'DELETED');
end
$$;
