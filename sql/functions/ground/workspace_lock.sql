-- workspace_lock: the advisory lock of a workspace. Changing or registering a job takes it shared; suspending
-- or resuming the workspace takes it exclusively, so that the status cannot change while an entry is being
-- written because of it. Changing its retention ages takes it exclusively too. Always taken before the jobs'
-- rows; a session that already holds a row may only try it. An advisory lock and not the workspace's row: a
-- row lock in every create is a write each time, and a multixact whenever two meet.
-- Returns: its key.
create or replace function kronos.workspace_lock(p_workspace_id uuid) returns bigint
language sql immutable strict parallel safe
return hashtextextended('kronos.workspace ' || p_workspace_id::text, 0);
