-- Every attempt that has ended, insert-only, partitioned like execution_done, but for the only one of an
-- execution that succeeded, which is in its row there (attempt_token). One under way is its execution_live
-- row's claim. All of them: the view kronos.attempts.
create table kronos.attempt (
    execution_id    uuid        not null,
    claim_token     uuid        not null,
    workspace_id    uuid        not null,
    attempt_number  smallint    not null,
    status          text        not null,
    started_at      timestamptz not null,
    completed_at    timestamptz not null default now(),
    duration_ms     integer,
    worker_id       text        not null,
    request         jsonb,
    response        jsonb,
    error           jsonb,
    -- of the endpoint, that it was made of; null: ended before this was noted
    endpoint_version integer,
    constraint attempt_pkey         primary key (execution_id, claim_token),
    constraint attempt_status_known check (status in ('SUCCESS', 'FAILED', 'TIMED_OUT', 'UNKNOWN', 'LOST'))
) partition by range (execution_id);
create table kronos.attempt_default partition of kronos.attempt default;

-- Results of workers that had lost their lease: evidence, without effect.
create table kronos.attempt_late (
    execution_id  uuid        not null,
    claim_token   uuid        not null,
    status        text        not null,
    worker_id     text        not null,
    error         jsonb,
    received_at   timestamptz not null default now(),
    constraint attempt_late_pkey primary key (execution_id, claim_token)
);
