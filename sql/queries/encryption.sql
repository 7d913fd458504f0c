-- name: list_keys
-- The keys with which secrets of any workspace are encrypted.
select key_id from kronos.secret_keys();

-- name: list_outdated
-- The next secrets, by id, that are encrypted with a key that is no longer the first.
select secret_id, workspace_id, name, version, key_id, nonce, ciphertext
  from kronos.secrets
 where key_id = %(old_key_id)s and secret_id > %(after)s
 order by secret_id
 limit %(limit)s;

-- name: reseal_secrets
-- The same values of the same versions, encrypted with another key. Secrets that were changed meanwhile stay.
update kronos.secrets as secret
   set key_id = %(key_id)s, nonce = sealed.nonce, ciphertext = sealed.ciphertext
  from unnest(%(ids)s::uuid[], %(versions)s::integer[], %(key_ids)s::text[], %(nonces)s::bytea[],
              %(ciphertexts)s::bytea[]) as sealed (secret_id, version, key_id, nonce, ciphertext)
 where secret.secret_id = sealed.secret_id
   and secret.version = sealed.version
   and secret.key_id = sealed.key_id
returning secret.secret_id;

-- name: count_under
-- How many secrets are encrypted with a key.
select count(*) as secrets from kronos.secrets where key_id = %(key_id)s;

-- name: abandon_secrets
-- The next secrets whose key is lost: they have no value until they are set again.
update kronos.secrets
   set key_id = null, nonce = null, ciphertext = null
 where secret_id = any (array(select secret_id
                                from kronos.secrets
                               where key_id = %(key_id)s
                               order by secret_id
                               limit %(limit)s
                                 for update))
returning secret_id;

-- name: list_under
-- Secrets that are encrypted with a key, for the operator.
select workspace.slug as workspace, secret.name
  from kronos.secrets as secret
  join kronos.workspaces as workspace using (workspace_id)
 where secret.key_id = %(key_id)s
 order by secret.secret_id
 limit %(limit)s;
