create table kronos.deletions (
    operation_id  uuid        not null default gen_random_uuid(),
    deleted_id    uuid        not null,                     -- the workspace's id
    slug          text        not null,
    name          text        not null,
    status        text        not null default 'RUNNING',
    phase         text        not null default 'ENTRIES',
    counted       jsonb       not null,                     -- what there was, when it began
    total         bigint      not null,
    done          bigint      not null default 0,           -- rows
    -- how far its phase has come
    after_at      timestamptz not null default '-infinity',
    after_id      uuid        not null default '00000000-0000-0000-0000-000000000000',
    after_status  text        not null default '',
    next_at       timestamptz not null default '-infinity', -- the next step is not before
    last_error    jsonb,                                    -- at, type, message
    created_at    timestamptz not null default now(),
    completed_at  timestamptz,
    constraint deletions_pkey           primary key (operation_id),
    constraint deletions_deleted_id_key unique (deleted_id),
    constraint deletions_status_known   check (status in ('RUNNING', 'COMPLETED')),
    constraint deletions_end_is_known   check ((status = 'RUNNING') = (completed_at is null)),
    constraint deletions_phase_known
        check (phase in ('ENTRIES', 'EXECUTIONS', 'HISTORY', 'JOBS', 'NOTES', 'REST'))
) with (fillfactor = 50);
-- Serves delete_further.
create index deletions_running on kronos.deletions (next_at) where status = 'RUNNING';

alter table kronos.workspaces
    add column max_cron_jobs integer,
    add column max_executions_per_day bigint,
    add column max_input_bytes integer,
    add column max_alarms_per_minute integer,
    add constraint workspaces_quotas_bounded
        check (max_cron_jobs between 0 and 10000000
               and max_executions_per_day between 0 and 1000000000000
               and max_input_bytes between 2 and 1048576
               and max_alarms_per_minute between 1 and 1000000);
-- Serves account_ticks and call_back: whether any workspace has one.
create index workspaces_with_daily_quota on kronos.workspaces (workspace_id)
    where max_executions_per_day is not null;

create table kronos.quota_shards (
    workspace_id  uuid      not null,
    shard         smallint  not null,
    day           date      not null,
    used          bigint    not null default 0,
    share         bigint    not null,      -- of this day: used may come to it
    day_share     bigint    not null,      -- of a day that begins
    constraint quota_shards_pkey           primary key (workspace_id, shard),
    constraint quota_shards_workspace_fkey foreign key (workspace_id)
        references kronos.workspaces (workspace_id),
    constraint quota_shards_shard_known    check (shard between 0 and 15)
) with (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
