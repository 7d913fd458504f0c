-- Workspaces that were deleted with all their contents, which are removed in steps after the request
-- (delete_some). A row outlives its workspace, so it has no foreign keys. The phases of a deletion: ENTRIES
-- (its entries in pg_cron), EXECUTIONS (those that wait or run), HISTORY, JOBS, NOTES (rows that no index
-- finds), REST, and finally the workspace's own row.
create table kronos.deletions (
    operation_id  uuid        not null default gen_random_uuid(),
    deleted_id    uuid        not null,                     -- the workspace's id
    slug          text        not null,
    name          text        not null,
    status        text        not null default 'RUNNING',
    phase         text        not null default 'ENTRIES',
    counted       jsonb       not null,                     -- the contents when it began
    total         bigint      not null,
    done          bigint      not null default 0,           -- rows
    -- the progress of its phase
    after_at      timestamptz not null default '-infinity',
    after_id      uuid        not null default '00000000-0000-0000-0000-000000000000',
    after_status  text        not null default '',
    next_at       timestamptz not null default '-infinity', -- the next step is not before this
    last_error    jsonb,                                    -- at, type, message
    created_at    timestamptz not null default now(),
    completed_at  timestamptz,
    version       integer     not null default 0,           -- the workspace's, at its deletion
    constraint deletions_pkey           primary key (operation_id),
    constraint deletions_deleted_id_key unique (deleted_id),
    constraint deletions_status_known   check (status in ('RUNNING', 'COMPLETED')),
    constraint deletions_end_is_known   check ((status = 'RUNNING') = (completed_at is null)),
    constraint deletions_phase_known
        check (phase in ('ENTRIES', 'EXECUTIONS', 'HISTORY', 'JOBS', 'NOTES', 'REST'))
) with (fillfactor = 50);
-- Serves delete_further.
create index deletions_running on kronos.deletions (next_at) where status = 'RUNNING';
-- Serves continue_versions.
create index deletions_of_slug on kronos.deletions (slug, version);
