-- Every attempt that has ended, insert-only and partitioned like execution_done, except the only attempt of
-- an execution that succeeded, which is in the execution's row there (attempt_token). An attempt in progress
-- is the claim of its execution_live row. The view kronos.attempts shows all of them.
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
    -- of the endpoint from which it was built; null: it ended before this was recorded
    endpoint_version integer,
    constraint attempt_pkey         primary key (execution_id, claim_token),
    constraint attempt_status_known check (status in ('SUCCESS', 'FAILED', 'TIMED_OUT', 'UNKNOWN', 'LOST'))
) partition by range (execution_id);
create table kronos.attempt_default partition of kronos.attempt default;

-- Results of workers that had lost their lease: kept as evidence, without effect.
create table kronos.attempt_late (
    execution_id  uuid        not null,
    claim_token   uuid        not null,
    status        text        not null,
    worker_id     text        not null,
    error         jsonb,
    received_at   timestamptz not null default now(),
    constraint attempt_late_pkey primary key (execution_id, claim_token)
);
