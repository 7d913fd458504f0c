create index jobs_by_closed_terms on kronos.jobs (
    workspace_id, calendars, on_blackout, cron, every, timezone, anchor, anchor_local, dst_gap, dst_overlap,
    starts_at, ends_at, resume_at, status, ticks_from
) where calendars <> '{}' and trigger = 'CRON' and status in ('ACTIVE', 'PAUSED');
create index jobs_that_roll on kronos.jobs (workspace_id, job_id)
    where calendars <> '{}' and on_blackout <> 'SKIP' and status in ('ACTIVE', 'PAUSED');
create table kronos.calendar_moves (
    document_id   uuid        not null,
    workspace_id  uuid        not null,
    name          text        not null,
    version       integer     not null,
    after_job_id  uuid        not null default '00000000-0000-0000-0000-000000000000',
    behind        uuid[]      not null default '{}',
    jobs_left     integer     not null,
    moved         integer     not null default 0,
    next_at       timestamptz not null default '-infinity',
    last_error    jsonb,
    constraint calendar_moves_pkey          primary key (document_id),
    constraint calendar_moves_calendar_fkey foreign key (workspace_id, name)
        references kronos.calendars (workspace_id, name) on delete cascade
);
