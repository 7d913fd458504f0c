-- name: find_key
-- Also reserves up to %(wanted)s requests of the key's minute, if %(digest)s is that of its secret. No row:
-- unknown, revoked or expired, or its workspace was deleted.
select key.key_id, key.role, key.sees_payloads, key.workspace_id, key.workspace, key.valid_seconds,
       taken.quota, taken.granted, taken.left_over, taken.window_at, taken.seconds, key.secret_sha256
  from kronos.find_key(%(public_id)s) as key
 cross join lateral kronos.take_requests(key.key_id, key.secret_sha256 = %(digest)s, %(wanted)s) as taken;

-- name: update_burnt
-- Record that a key was seen in a URL, if it is a key. One row in both cases.
select true as is_noted from kronos.burn_api_key(%(public_id)s, %(digest)s);

-- name: list_known_keys
-- Those of %(key_ids)s that are still valid.
select key_id, role, sees_payloads, workspace_id, workspace, valid_seconds
  from kronos.known_keys(%(key_ids)s::uuid[]);

-- name: update_last_use
-- One row.
select kronos.note_use(%(key_ids)s::uuid[]) as noted;

-- name: insert_workspace_key
-- No row: the key would never be valid.
select key_id, public_id, name, role, sees_payloads, created_at, created_by, expires_at, last_used_at
  from kronos.make_key(%(public_id)s, %(digest)s, %(role)s, %(sees_payloads)s, %(name)s, %(expires_at)s,
                       %(created_by)s) as made
 where made.workspace_id = kronos.current_workspace_id();

-- name: get_expiry
-- One row.
select %(expires_at)s::timestamptz <= kronos.clock() as is_over;

-- name: list_workspace_keys
select key_id, public_id, name, role, sees_payloads, created_at, created_by, expires_at, last_used_at
  from kronos.workspace_keys() as key
 where key.workspace_id = kronos.current_workspace_id()
   and (created_at, key_id)
       < (case when %(before_created_at)s::timestamptz is null then 'infinity'
               else %(before_created_at)s::timestamptz end,
          case when %(before_id)s::uuid is null then 'ffffffff-ffff-ffff-ffff-ffffffffffff'
               else %(before_id)s::uuid end)
 order by created_at desc, key_id desc
 limit %(limit)s;

-- name: replace_workspace_key
-- No row: no valid key has this id.
select key_id, public_id, name, role, sees_payloads, created_at, created_by, expires_at, last_used_at
  from kronos.rotate_key(%(key_id)s, %(public_id)s, %(digest)s, %(overlap)s, %(expires_at)s,
                         %(created_by)s) as made
 where made.workspace_id = kronos.current_workspace_id();

-- name: delete_workspace_key
-- One row: whether the key exists.
select kronos.revoke_workspace_key(%(key_id)s) as is_revoked where kronos.current_workspace_id() is not null;

-- name: insert_key
-- For the administrator. No row: the public id is taken.
insert into kronos.api_keys (public_id, secret_sha256, role, kept_in)
values (%(public_id)s, %(digest)s, 'instance_admin', %(kept_in)s)
    on conflict (public_id) do nothing
returning public_id;

-- name: get_key
-- Locked until the transaction ends. No row: unknown.
select public_id, role, created_at, revoked_at, kept_in, secret_sha256, burnt_at
  from kronos.api_keys
 where public_id = %(public_id)s
   for update;

-- name: list_keys
-- The instance's, oldest first.
select public_id, role, created_at, revoked_at, kept_in, secret_sha256, burnt_at
  from kronos.api_keys
 where workspace_id is null
 order by created_at, public_id;

-- name: update_file
-- Set the current path of its file. No row: it is already set.
update kronos.api_keys
   set kept_in = %(kept_in)s
 where public_id = %(public_id)s
   and kept_in is distinct from %(kept_in)s
returning public_id;

-- name: replace_key
-- The keys that the file contained before become invalid.
update kronos.api_keys
   set revoked_at = kronos.now()
 where kept_in = %(kept_in)s
   and public_id <> %(public_id)s
   and revoked_at is null
returning public_id;

-- name: revoke_key
-- No row: unknown, a workspace's, or already revoked.
update kronos.api_keys
   set revoked_at = kronos.now()
 where public_id = %(public_id)s and workspace_id is null and revoked_at is null
returning public_id;

-- name: count_others
-- One row: how many other keys of the instance are valid.
select count(*) as keys
  from kronos.api_keys
 where public_id <> %(public_id)s and workspace_id is null and revoked_at is null;
