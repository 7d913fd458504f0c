-- A workspace is the boundary between tenants: every row below it has its id, in every key.
create table kronos.workspaces (
    workspace_id  uuid        not null default gen_random_uuid(),
    slug          text        not null,
    name          text        not null,
    status        text        not null default 'ACTIVE',
    created_at    timestamptz not null default now(),
    suspended_at  timestamptz,
    deleted_at    timestamptz,
    version       integer     not null default 1,    -- counts changes, for If-Match
    max_concurrency integer,                         -- deliveries in progress together; null: no limit
    organization_id uuid,
    -- quotas; null: no limit
    max_cron_jobs   integer,                         -- ACTIVE and PAUSED
    max_executions_per_day bigint,                   -- created on a day (UTC): see kronos.quota_shards
    max_input_bytes integer,                         -- of one input, as JSON
    max_alarms_per_minute integer,                   -- entries in pg_cron that may ring in the same minute
    max_heartbeats  integer,
    max_alert_rules integer,
    was_suspended   tstzmultirange not null default '{}',   -- at most twenty: see suspensions_of
    constraint workspaces_pkey              primary key (workspace_id),
    constraint workspaces_slug_shape        check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    constraint workspaces_status_known      check (status in ('ACTIVE', 'SUSPENDED', 'DELETED')),
    constraint workspaces_suspended_is_told check (status <> 'SUSPENDED' or suspended_at is not null),
    constraint workspaces_deleted_is_told   check ((status = 'DELETED') = (deleted_at is not null)),
    constraint workspaces_limit_bounded     check (max_concurrency between 1 and 100000),
    constraint workspaces_organization_fkey foreign key (organization_id)
        references kronos.organizations (organization_id),
    constraint workspaces_quotas_bounded
        check (max_cron_jobs between 0 and 10000000
               and max_executions_per_day between 0 and 1000000000000
               and max_input_bytes between 2 and 1048576
               and max_alarms_per_minute between 1 and 1000000),
    constraint workspaces_alert_quotas_bounded
        check (max_heartbeats between 0 and 10000 and max_alert_rules between 0 and 100)
);
-- One workspace per slug; deleting it frees the slug. Serves enter_workspace.
create unique index workspaces_slug_taken on kronos.workspaces (slug) where status <> 'DELETED';
-- Serves continue_versions.
create index workspaces_of_slug_deleted on kronos.workspaces (slug, version) where status = 'DELETED';
-- Serves account_ticks and call_back: whether any workspace has such a quota.
create index workspaces_with_daily_quota on kronos.workspaces (workspace_id)
    where max_executions_per_day is not null;
-- Serves list_workspaces.
create index workspaces_newest on kronos.workspaces (created_at desc, workspace_id desc);
-- The same for one organization.
create index workspaces_of_organization
    on kronos.workspaces (organization_id, created_at desc, workspace_id desc)
    where organization_id is not null;

-- A row only if a workspace has a max_concurrency (limit_workspace): the mutex of its claims, and the sum of
-- in_flight over its endpoints' gates (count_in_workspaces).
create table kronos.workspace_gate (
    workspace_id  uuid     not null,
    in_flight     integer  not null default 0,
    constraint workspace_gate_pkey           primary key (workspace_id),
    constraint workspace_gate_workspace_fkey foreign key (workspace_id)
        references kronos.workspaces (workspace_id)
) with (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
