-- Empty but while the runs of a cancelled job are being ended.
create table kronos.cancelled_jobs (
    job_id            uuid        not null,
    workspace_id      uuid        not null,
    first_version_id  uuid        not null,
    reason            jsonb       not null,
    cancelled_at      timestamptz not null default now(),
    after_at          timestamptz not null default '-infinity',
    after_id          uuid        not null default '00000000-0000-0000-0000-000000000000',
    next_at           timestamptz not null default '-infinity',
    last_error        jsonb,
    constraint cancelled_jobs_pkey primary key (job_id)
);
alter table kronos.cancelled_jobs owner to kronos_owner;
alter table kronos.turns add column last_error jsonb;
