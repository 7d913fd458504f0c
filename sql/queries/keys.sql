-- name: find_key
-- No row: unknown, revoked or expired, or its workspace was deleted.
select key_id, secret_sha256, role, sees_payloads, workspace_id, workspace, valid_seconds
  from kronos.find_key(%(public_id)s);

-- name: insert_key
-- The administrator's. No row: its public id is known.
insert into kronos.api_keys (public_id, secret_sha256, role, kept_in)
values (%(public_id)s, %(digest)s, 'instance_admin', %(kept_in)s)
    on conflict (public_id) do nothing
returning public_id;

-- name: get_key
-- Locked until the transaction ends. No row: unknown.
select public_id, role, created_at, revoked_at, kept_in, secret_sha256
  from kronos.api_keys
 where public_id = %(public_id)s
   for update;

-- name: list_keys
-- The oldest first.
select public_id, role, created_at, revoked_at, kept_in, secret_sha256
  from kronos.api_keys
 order by created_at, public_id;

-- name: update_file
-- Where its file is now. No row: it is there already.
update kronos.api_keys
   set kept_in = %(kept_in)s
 where public_id = %(public_id)s
   and kept_in is distinct from %(kept_in)s
returning public_id;

-- name: replace_key
-- The keys that the file held before; they work no longer.
update kronos.api_keys
   set revoked_at = kronos.now()
 where kept_in = %(kept_in)s
   and public_id <> %(public_id)s
   and revoked_at is null
returning public_id;

-- name: revoke_key
-- No row: unknown, or revoked before.
update kronos.api_keys
   set revoked_at = kronos.now()
 where public_id = %(public_id)s and revoked_at is null
returning public_id;

-- name: count_others
-- One row: how many other keys work.
select count(*) as keys from kronos.api_keys where public_id <> %(public_id)s and revoked_at is null;
