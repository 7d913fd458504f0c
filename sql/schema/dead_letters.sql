-- The executions that FAILED and have been neither retried nor discarded. Each is also a row of
-- execution_done, which has all its data; this table has the columns for lists and filters. Written by
-- note_dead_letters, which follows execution_done. Rows are deleted by the code that removes the execution
-- from there, and by a discard. Dropping a whole partition deletes no rows here, but its letters are older
-- than any that retain_dead_letters keeps.
create table kronos.dead_letters (
    execution_id      uuid        not null,
    workspace_id      uuid        not null,
    endpoint_id       uuid        not null,
    job_id            uuid        not null,
    first_version_id  uuid        not null,      -- of its job: identifies the job by name
    failed_at         timestamptz not null,
    error_type        text,
    message           text,                      -- the error's message, up to 300 characters, for the search
    constraint dead_letters_pkey primary key (execution_id)
);
-- Serve find_dead_letters: all of a workspace, of an endpoint, of a job, and of an error, in their order. The
-- first also has the columns of the groups (dead_letter_groups).
create index dead_letters_newest on kronos.dead_letters (workspace_id, failed_at, execution_id)
    include (endpoint_id, error_type, first_version_id);
create index dead_letters_by_error on kronos.dead_letters (workspace_id, error_type, failed_at, execution_id);
create index dead_letters_by_endpoint on kronos.dead_letters (endpoint_id, failed_at, execution_id);
create index dead_letters_by_endpoint_error
    on kronos.dead_letters (endpoint_id, error_type, failed_at, execution_id);
create index dead_letters_by_job on kronos.dead_letters (first_version_id, failed_at, execution_id);

-- Work over many rows that a request started and that continues in steps after it: dead letters oldest first,
-- jobs newest first. position_at and position_id are its progress. Rows that it no longer reaches (such as
-- letters that were retried individually meanwhile) are in none of its counts.
create table kronos.operations (
    operation_id      uuid        not null default gen_random_uuid(),
    workspace_id      uuid        not null,
    kind              text        not null,
    status            text        not null default 'RUNNING',
    status_reason     jsonb,
    asked             jsonb       not null,      -- the filter as the caller wrote it
    -- the same in the form of find_dead_letters or jobs_to_change; it ends before created_at
    which             jsonb       not null,
    endpoint_version  text        not null default 'latest',
    per_second        integer,                   -- at most this many per second; null: as fast as possible
    total             integer     not null,
    done              integer     not null default 0,
    failed            integer     not null default 0,
    failures          jsonb       not null default '{}',      -- the number of failures for each reason
    position_at       timestamptz not null default '-infinity',
    position_id       uuid        not null default '00000000-0000-0000-0000-000000000000',
    next_at           timestamptz not null default now(),     -- the next step is not before this
    created_at        timestamptz not null default now(),
    completed_at      timestamptz,
    terms             jsonb,                     -- of a PAUSE: note, until, and its author
    caller            jsonb,                     -- the caller that started it, as in the audit
    refused           jsonb       not null default '[]',      -- the first jobs that were refused, and why
    held_since        timestamptz,               -- since when another session has held the next job
    constraint operations_pkey             primary key (operation_id),
    constraint operations_in_workspace_key unique (workspace_id, operation_id),
    constraint operations_workspace_id_fkey foreign key (workspace_id)
        references kronos.workspaces (workspace_id),
    constraint operations_kind_known
        check (kind in ('REDRIVE', 'DISCARD', 'PAUSE', 'RESUME', 'CANCEL', 'TRIGGER')),
    constraint operations_status_known     check (status in ('RUNNING', 'COMPLETED', 'CANCELLED', 'FAILED')),
    constraint operations_end_is_known     check ((status = 'RUNNING') = (completed_at is null)),
    constraint operations_reason_given
        check ((status in ('CANCELLED', 'FAILED')) = (status_reason is not null)),
    constraint operations_pace_bounded     check (per_second between 1 and 10000),
    constraint operations_version_known    check (endpoint_version in ('latest', 'same'))
) with (fillfactor = 50);
-- Serves advance_operations.
create index operations_running on kronos.operations (next_at) where status = 'RUNNING';
-- Serves list_operations.
create index operations_newest on kronos.operations (workspace_id, created_at desc, operation_id desc);
-- Serves retain_dead_letters.
create index operations_by_end on kronos.operations (completed_at) where completed_at is not null;
