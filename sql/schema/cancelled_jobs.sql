-- Versions of cancelled jobs that still have unfinished executions, too many to end together with the job.
-- From the cancellation on they are not claimed (claim_executions), and cancel_some ends them in steps. A row
-- is deleted when all have ended or are in their last attempt.
create table kronos.cancelled_jobs (
    job_id            uuid        not null,
    workspace_id      uuid        not null,
    first_version_id  uuid        not null,
    reason            jsonb       not null,                          -- its executions' status_reason
    cancelled_at      timestamptz not null default now(),
    -- the progress of this pass: executions up to this one, by scheduled_at
    after_at          timestamptz not null default '-infinity',
    after_id          uuid        not null default '00000000-0000-0000-0000-000000000000',
    next_at           timestamptz not null default '-infinity',     -- the remaining ones are not tried before
    last_error        jsonb,                                         -- at, type, message
    constraint cancelled_jobs_pkey primary key (job_id)
);
