-- Serves seal_audit: the oldest rows of each chain, however many rows of other chains wait.
create index audit_pending_by_chain on kronos.audit_pending (
    (coalesce(workspace_id, '00000000-0000-0000-0000-000000000000')), at
);
-- The progress of retain_backfills, in the order in which backfills ended.
alter table kronos.retention
    add column backfills_until timestamptz not null default '-infinity',
    add column backfills_until_id uuid not null default '00000000-0000-0000-0000-000000000000';
create index backfills_ended on kronos.backfills (completed_at, backfill_id) where completed_at is not null;
