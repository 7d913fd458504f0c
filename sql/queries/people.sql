-- name: insert_mapping
-- No row: the group already has a role in the workspace.
insert into kronos.role_mappings (workspace_id, group_name, role, sees_payloads, created_at)
values (kronos.current_workspace_id(), %(group_name)s, %(role)s, %(sees_payloads)s, kronos.now())
    on conflict (workspace_id, group_name) do nothing
returning mapping_id, group_name as "group", role, sees_payloads, created_at;

-- name: list_mappings
select mapping_id, group_name as "group", role, sees_payloads, created_at
  from kronos.role_mappings
 where workspace_id = kronos.current_workspace_id()
   and (created_at, mapping_id)
       < (case when %(before_created_at)s::timestamptz is null then 'infinity'
               else %(before_created_at)s::timestamptz end,
          case when %(before_id)s::uuid is null then 'ffffffff-ffff-ffff-ffff-ffffffffffff'
               else %(before_id)s::uuid end)
 order by created_at desc, mapping_id desc
 limit %(limit)s;

-- name: delete_mapping
-- No row: no such mapping.
delete from kronos.role_mappings
 where workspace_id = kronos.current_workspace_id() and mapping_id = %(mapping_id)s
returning mapping_id;

-- name: list_granted_roles
select workspace_id, workspace, role, sees_payloads from kronos.granted_roles(%(groups)s::text[]);

-- name: insert_sign_in
-- One row.
select kronos.open_sign_in(%(digest)s, %(subject)s, %(email)s, %(groups)s::text[], %(lasts)s) as sign_in_id;

-- name: find_sign_in
-- Also reserves up to %(wanted)s requests of the person's minute, which all of the person's sessions share.
-- No row: no such sign-in.
select found.sign_in_id, found.subject, found.email, found.valid_seconds, found.grants,
       taken.quota, taken.granted, taken.left_over, taken.window_at, taken.seconds
  from kronos.find_sign_in(%(digest)s) as found
 cross join lateral kronos.take_requests(md5('person ' || found.subject)::uuid, true, %(wanted)s) as taken;

-- name: delete_sign_in
-- One row.
select kronos.end_sign_in(%(digest)s) as was_open;

-- name: insert_key_sign_in
-- No row: the key is no longer valid.
select sign_in_id, valid_seconds from kronos.open_key_sign_in(%(digest)s, %(key_id)s, %(lasts)s);

-- name: find_key_sign_in
-- Also reserves up to %(wanted)s requests of the key's minute. No row: no such sign-in, or its key is
-- invalid.
select found.key_id, found.role, found.sees_payloads, found.workspace_id, found.workspace,
       found.valid_seconds, taken.quota, taken.granted, taken.left_over, taken.window_at, taken.seconds,
       found.public_id
  from kronos.find_key_sign_in(%(digest)s) as found
 cross join lateral kronos.take_requests(found.key_id, true, %(wanted)s) as taken;

-- name: get_sign_in_end
-- Why a session is no longer valid. No row: unknown.
select public_id, reason from kronos.sign_in_end(%(digest)s);
