alter table kronos.jobs add column priority smallint not null default 0;
alter table kronos.backfills add column priority smallint,
    add constraint backfills_priority_bounded check (priority between -10 and 10);
alter table kronos.execution_done add column priority smallint;
alter table kronos.execution_live add column priority smallint,
    add constraint execution_live_priority_known check (priority between -10 and 10 and priority <> 0);
-- The release before claims by it too: it sorts what waits at an endpoint (docs/upgrade.md).
drop index kronos.execution_live_ready;
create index execution_live_ready on kronos.execution_live (
    endpoint_id, (case when priority is null then 11 else priority end), visible_at
) where claim_token is null;

alter table kronos.endpoint_gate add column worker_group text,
    add constraint endpoint_gate_group_shape
        check (worker_group ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' and worker_group <> 'default');
create index endpoint_gate_by_group on kronos.endpoint_gate (worker_group) where worker_group is not null;
