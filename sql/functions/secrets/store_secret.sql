-- store_secret: store a value for a secret of the transaction's workspace, encrypted for this version of it:
-- the first version of a new secret, or the next one. Notifies the workers, so that waiting deliveries use
-- it. A secret that signs deliveries must stay a signing key.
-- Returns: one row: whether it was stored. It is not if the secret is at another version, does not exist, or
-- already exists, or if `signs_for` is the name of an endpoint that it signs for.
-- Locks the secret's row.
create or replace function kronos.store_secret(p_name text, p_version integer, p_key_id text, p_nonce bytea,
                                               p_ciphertext bytea, p_signs text, p_public_key text,
                                               out is_stored boolean, out signs_for text)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_workspace_id uuid := kronos.current_workspace_id();
begin
    if p_version = 1 then
        insert into kronos.secrets (workspace_id, name, key_id, nonce, ciphertext, signs, public_key,
                                    created_at, updated_at)
        values (v_workspace_id, p_name, p_key_id, p_nonce, p_ciphertext, p_signs, p_public_key,
                kronos.now(), kronos.now())
            on conflict (workspace_id, name) do nothing;
    else
        if p_signs is null then
            -- An endpoint that is saved at the same time, to sign with it, is seen below, or sees the new
            -- value.
            perform
               from kronos.secrets
              where workspace_id = v_workspace_id and name = p_name
                for update;
            select endpoint.name into signs_for
              from kronos.endpoint_versions as made_of
              join kronos.endpoints as endpoint using (endpoint_id, version)
             where made_of.workspace_id = v_workspace_id
               and made_of.secrets <> '{}'
               and p_name = any (made_of.signing_secrets)
               and endpoint.deleted_at is null
             order by endpoint.name
             limit 1;
            if found then
                is_stored := false;
                return;
            end if;
        end if;
        update kronos.secrets
           set version = p_version, key_id = p_key_id, nonce = p_nonce, ciphertext = p_ciphertext,
               signs = p_signs, public_key = p_public_key, updated_at = kronos.now()
         where workspace_id = v_workspace_id and name = p_name and version = p_version - 1;
    end if;
    is_stored := found;
    if is_stored then
        perform pg_notify('kronos_secrets', v_workspace_id::text);
    end if;
end
$$;
