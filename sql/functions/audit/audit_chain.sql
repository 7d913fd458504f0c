-- audit_chain: the chain of a workspace's audit rows; null gives the instance's chain.
create or replace function kronos.audit_chain(p_workspace_id uuid) returns uuid
language sql immutable parallel safe
as $$
    select coalesce(p_workspace_id, '00000000-0000-0000-0000-000000000000')
$$;
