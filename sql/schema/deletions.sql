-- Workspaces that were deleted with all that they held, which goes in steps behind the request (delete_some).
-- It outlives the workspace, so nothing here refers to it. The way of a deletion: ENTRIES (its entries in
-- pg_cron), EXECUTIONS (what waits or runs), HISTORY, JOBS, NOTES (what is found by no index), REST, and at
-- last the workspace's own row.
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
