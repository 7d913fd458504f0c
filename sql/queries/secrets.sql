-- name: get_place
-- The identity with which the next value of a secret is encrypted: the workspace and the secret's version;
-- null: no such secret. One row.
select kronos.current_workspace_id() as workspace_id,
       (select version
          from kronos.secrets
         where workspace_id = kronos.current_workspace_id() and name = %(name)s) as version;

-- name: set_secret
-- One row. See the function: a secret that is not stored is at another version, or signs for an endpoint.
select is_stored, signs_for
  from kronos.store_secret(%(name)s, %(version)s, %(key_id)s, %(nonce)s, %(ciphertext)s, %(signs)s,
                           %(public_key)s);

-- name: get_secret
select name, version, created_at, updated_at
  from kronos.secrets
 where workspace_id = kronos.current_workspace_id() and name = %(name)s;

-- name: find_absent_secrets
-- Those of %(names)s that are not secrets.
select named.name
  from unnest(%(names)s::text[]) as named (name)
 where not exists (select from kronos.secrets as secret
                    where secret.workspace_id = kronos.current_workspace_id() and secret.name = named.name);

-- name: list_secrets
-- One more than the page may have.
select name, version, created_at, updated_at, secret_id as _secret_id
  from kronos.secrets
 where workspace_id = kronos.current_workspace_id()
   and (created_at, secret_id)
       < (case when %(before_created_at)s::timestamptz is null then 'infinity'
               else %(before_created_at)s::timestamptz end,
          case when %(before_id)s::uuid is null then 'ffffffff-ffff-ffff-ffff-ffffffffffff'
               else %(before_id)s::uuid end)
 order by created_at desc, secret_id desc
 limit %(limit)s::integer + 1;

-- name: delete_secret
-- One row. Version null: no secret has that name.
select is_deleted, version, used_by, uses from kronos.delete_secret(%(name)s, %(if_match)s::integer[]);

-- name: list_signing_keys
-- The keys that sign an endpoint's deliveries, newest first, with only the data that receivers may know.
select signing.name as secret, secret.signs as scheme, secret.public_key
  from kronos.endpoint_details as endpoint
 cross join lateral unnest(endpoint.signing_secrets) with ordinality as signing (name, nth)
  join kronos.secrets as secret
    on secret.workspace_id = endpoint.workspace_id and secret.name = signing.name
 where endpoint.workspace_id = kronos.current_workspace_id() and endpoint.name = %(endpoint)s
 order by signing.nth;
