-- Why a job's ticks could not be accounted for. One malformed row stops no other job, and its fault is
-- recorded here. It applies as long as the job's pointer does not move.
create table kronos.job_faults (
    job_id        uuid        not null,
    workspace_id  uuid        not null,
    next_tick_at  timestamptz,
    sqlstate      text        not null,
    message       text        not null,
    failed_at     timestamptz not null default now(),
    constraint job_faults_pkey     primary key (job_id),
    constraint job_faults_job_fkey foreign key (workspace_id, job_id)
        references kronos.jobs (workspace_id, job_id)
);
