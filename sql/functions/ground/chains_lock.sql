-- chains_lock: the advisory lock of a workspace's chains of jobs. Who makes a job that names another one in a
-- callback holds it until its transaction ends, and who cancels a job shares it; after workspace_lock.
-- Returns: its key.
create or replace function kronos.chains_lock(p_workspace_id uuid) returns bigint
language sql immutable strict parallel safe
return hashtextextended('kronos.chains ' || p_workspace_id::text, 0);
