-- sign_in_end: why the session with this secret has ended, for the holder of the secret. No row if there was
-- no such session, it was signed out, or it ended long ago.
-- Returns: one row. public_id: its key's; null: a person's. reason: revoked, expired (both of the key),
-- deleted (the workspace), over (its own time).
create or replace function kronos.sign_in_end(p_digest bytea, out public_id text, out reason text)
returns setof record
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select held.public_id,
           case when held.revoked_at is not null then 'revoked'
                when held.expires_at <= kronos.clock() then 'expired'
                when workspace.status = 'DELETED' then 'deleted'
                else 'over' end
      from kronos.sign_ins as found
      left join kronos.api_keys as held on held.key_id = found.key_id
      left join kronos.workspaces as workspace on workspace.workspace_id = held.workspace_id
     where found.secret_sha256 = p_digest
$$;
