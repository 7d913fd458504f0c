-- workspace_lock: the advisory lock of a workspace. What changes a job or registers one holds it shared,
-- what suspends or resumes the workspace alone: so its status cannot turn while an entry is written
-- because of it. What sets its ages holds it alone, too. Always before the jobs' rows; who holds a row
-- already may only try. An advisory lock and not the workspace's row: a row lock in every create is a write
-- each, and a multixact wherever two meet.
-- Returns: its key.
create or replace function kronos.workspace_lock(p_workspace_id uuid) returns bigint
language sql immutable strict parallel safe
return hashtextextended('kronos.workspace ' || p_workspace_id::text, 0);
