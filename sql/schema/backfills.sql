-- Ticks of a past window of a job that are delivered later. next_at is the progress.
create table kronos.backfills (
    backfill_id       uuid        not null default gen_random_uuid(),
    workspace_id      uuid        not null,
    -- the version whose schedule, input and endpoint it uses
    job_id            uuid        not null,
    -- that version's first version: ticks that any version has run are left out
    first_version_id  uuid        not null,
    status            text        not null default 'RUNNING',
    status_reason     jsonb,
    from_at           timestamptz not null,
    to_at             timestamptz not null,
    max_active        integer     not null,
    -- the next tick to decide on; null: none is left
    next_at           timestamptz,
    ticks             integer     not null,
    created           integer     not null default 0,
    left_out          integer     not null default 0,
    created_at        timestamptz not null default now(),
    completed_at      timestamptz,
    -- the outcomes of the ticks that it takes
    include           text[]      not null default '{MISSED,SKIPPED,CANCELLED}',
    -- runs that had FAILED and are due again under their own ids (backfill_redriven)
    redriven          integer     not null default 0,
    priority          smallint,                          -- of its executions; null: the job's
    caller            jsonb,                             -- the caller that started it, as in the audit
    constraint backfills_pkey             primary key (backfill_id),
    constraint backfills_in_workspace_key unique (workspace_id, backfill_id),
    constraint backfills_job_fkey         foreign key (workspace_id, job_id)
        references kronos.jobs (workspace_id, job_id),
    constraint backfills_status_known     check (status in ('RUNNING', 'COMPLETED', 'CANCELLED', 'FAILED')),
    constraint backfills_end_is_told      check ((status = 'RUNNING') = (completed_at is null)),
    constraint backfills_reason_given
        check ((status in ('CANCELLED', 'FAILED')) = (status_reason is not null)),
    constraint backfills_window_not_empty check (to_at > from_at),
    constraint backfills_active_bounded   check (max_active between 1 and 1000),
    constraint backfills_include_known
        check (include <@ '{MISSED,SKIPPED,CANCELLED,FAILED}' and cardinality(include) > 0),
    constraint backfills_priority_bounded check (priority between -10 and 10)
) with (fillfactor = 50);
-- Serves advance_backfills, and the retirement of a job.
create index backfills_running on kronos.backfills (first_version_id) where status = 'RUNNING';
-- Serves list_backfills.
create index backfills_newest
    on kronos.backfills (workspace_id, first_version_id, created_at desc, backfill_id desc);
-- Serves retain_jobs.
create index backfills_by_job on kronos.backfills (job_id);
-- Serves retain_backfills.
create index backfills_ended on kronos.backfills (completed_at, backfill_id) where completed_at is not null;

-- The FAILED runs that a backfill has made due again. They keep their own ids, which are not next to the ids
-- of the runs that the backfill created.
create table kronos.backfill_redriven (
    backfill_id   uuid  not null,
    workspace_id  uuid  not null,
    execution_id  uuid  not null,
    constraint backfill_redriven_pkey          primary key (backfill_id, execution_id),
    constraint backfill_redriven_backfill_fkey foreign key (workspace_id, backfill_id)
        references kronos.backfills (workspace_id, backfill_id) on delete cascade
);
