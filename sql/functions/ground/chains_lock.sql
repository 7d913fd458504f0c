-- chains_lock: the advisory lock of a workspace's chains of jobs. A transaction that creates a job whose
-- callback names another job holds it exclusively until it ends; one that cancels a job holds it shared.
-- Taken after workspace_lock.
-- Returns: its key.
create or replace function kronos.chains_lock(p_workspace_id uuid) returns bigint
language sql immutable strict parallel safe
return hashtextextended('kronos.chains ' || p_workspace_id::text, 0);
