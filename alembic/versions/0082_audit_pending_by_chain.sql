-- Serves seal_audit: the oldest rows of each chain, however many rows of other chains wait.
create index audit_pending_by_chain on kronos.audit_pending (
    (coalesce(workspace_id, '00000000-0000-0000-0000-000000000000')), at
);
