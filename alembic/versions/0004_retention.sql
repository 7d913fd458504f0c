alter table kronos.jobs
    drop constraint jobs_first_is_itself,
    drop constraint jobs_previous_fkey,
    drop constraint jobs_replaced_by_fkey,
    add constraint jobs_previous_fkey    foreign key (workspace_id, previous_version_id) references kronos.jobs (workspace_id, job_id)
                                         on delete set null (previous_version_id),
    add constraint jobs_replaced_by_fkey foreign key (workspace_id, replaced_by_id) references kronos.jobs (workspace_id, job_id)
                                         on delete set null (replaced_by_id) deferrable initially deferred,
    add constraint jobs_first_is_itself  check ((version = 1) = (first_version_id = job_id)
                                            and (version > 1 or previous_version_id is null));
create index jobs_over on kronos.jobs (retired_at, job_id) where status in ('RETIRED', 'COMPLETED');
create index jobs_by_previous on kronos.jobs (previous_version_id) where previous_version_id is not null;
create index jobs_by_heir on kronos.jobs (replaced_by_id) where replaced_by_id is not null;
create index backfills_by_job on kronos.backfills (job_id);
create index execution_done_ended on kronos.execution_done using brin (completed_at) with (pages_per_range = 64, autosummarize = on);

create table kronos.retention (
    only_row          boolean     not null default true,
    success_days      integer     not null default 30,
    failure_days      integer     not null default 90,
    run_details_days  integer     not null default 7,
    forgotten_before  timestamptz not null default '-infinity',
    run_details_until bigint      not null default 0,
    jobs_until        timestamptz not null default '-infinity',
    jobs_until_id     uuid        not null default '00000000-0000-0000-0000-000000000000',
    jobs_began_at     timestamptz not null default '-infinity',
    ran_at            timestamptz not null default now(),
    done_at           timestamptz not null default now(),
    constraint retention_pkey                primary key (only_row),
    constraint retention_is_one              check (only_row),
    constraint retention_successes_bounded   check (success_days between 1 and 36500),
    constraint retention_failures_bounded    check (failure_days between 1 and 36500),
    constraint retention_run_details_bounded check (run_details_days between 1 and 36500)
);
insert into kronos.retention default values;

create table kronos.workspace_retention (
    workspace_id      uuid        not null,
    success_days      integer,
    failure_days      integer,
    forgotten_before  timestamptz not null default '-infinity',
    constraint workspace_retention_pkey              primary key (workspace_id),
    constraint workspace_retention_workspace_id_fkey foreign key (workspace_id) references kronos.workspaces (workspace_id),
    constraint workspace_retention_successes_bounded check (success_days between 1 and 36500),
    constraint workspace_retention_failures_bounded  check (failure_days between 1 and 36500)
);

create table kronos.retention_sweeps (
    days         integer     not null,
    swept_until  uuid        not null default '00000000-0000-0000-0000-000000000000',
    cutoff_at    timestamptz not null default '-infinity',
    began_at     timestamptz not null default now(),
    constraint retention_sweeps_pkey primary key (days)
);
