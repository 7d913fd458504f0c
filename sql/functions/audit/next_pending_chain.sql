-- next_pending_chain: the first chain with rows to be sealed, by their ids, from p_from on or after it: one
-- lookup in audit_pending_by_chain, however many rows wait.
-- Returns: null if there is none.
create or replace function kronos.next_pending_chain(p_from uuid, p_is_after boolean) returns uuid
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select kronos.audit_chain(pending.workspace_id)
      from kronos.audit_pending as pending
     where (kronos.audit_chain(pending.workspace_id), pending.at)
           > (p_from, case when p_is_after then 'infinity' else '-infinity' end::timestamptz)
     order by kronos.audit_chain(pending.workspace_id), pending.at
     limit 1
$$;
