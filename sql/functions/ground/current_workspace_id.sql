-- current_workspace_id: the workspace that this transaction works for, or null. After a SET LOCAL has ended
-- the setting is '', not null.
create or replace function kronos.current_workspace_id() returns uuid
language sql stable parallel safe
as $$
    select nullif(current_setting('kronos.workspace_id', true), '')::uuid
$$;
