-- How long the instance keeps history; `kronos migrate` and `kronos up` store it. Successful outcomes are
-- SUCCESS, SKIPPED and CANCELLED; failed ones FAILED, MISSED and EXPIRED.
create table kronos.retention (
    only_row          boolean     not null default true,
    success_days      integer     not null default 30,
    failure_days      integer     not null default 90,
    run_details_days  integer     not null default 7,             -- of our rows in cron.job_run_details
    forgotten_before  timestamptz not null default '-infinity',   -- removals under earlier ages
    run_details_until bigint      not null default 0,             -- the last runid of ours that was deleted
    -- the progress of the current pass over jobs that are over (retired_at, job_id)
    jobs_until        timestamptz not null default '-infinity',
    jobs_until_id     uuid        not null default '00000000-0000-0000-0000-000000000000',
    jobs_began_at     timestamptz not null default '-infinity',
    ran_at            timestamptz not null default now(),         -- the last run
    done_at           timestamptz not null default now(),         -- the last run that left nothing to do
    -- since when kronos.history_weeks covers everything that finished
    weeks_from        timestamptz not null default now() + interval '1 day',
    audit_days        integer     not null default 400,
    -- the progress of the current pass over backfills that ended (completed_at, backfill_id)
    backfills_until    timestamptz not null default '-infinity',
    backfills_until_id uuid        not null default '00000000-0000-0000-0000-000000000000',
    constraint retention_pkey                primary key (only_row),
    constraint retention_is_one              check (only_row),
    constraint retention_successes_bounded   check (success_days between 1 and 36500),
    constraint retention_failures_bounded    check (failure_days between 1 and 36500),
    constraint retention_run_details_bounded check (run_details_days between 1 and 36500),
    constraint retention_audit_bounded       check (audit_days between 1 and 36500)
);
insert into kronos.retention default values;

-- A workspace's own ages; null: the instance's.
create table kronos.workspace_retention (
    workspace_id      uuid        not null,
    success_days      integer,
    failure_days      integer,
    forgotten_before  timestamptz not null default '-infinity',
    -- counts changes, for If-Match; 1 is a workspace without a row
    version           integer     not null default 2,
    constraint workspace_retention_pkey              primary key (workspace_id),
    constraint workspace_retention_workspace_id_fkey foreign key (workspace_id)
        references kronos.workspaces (workspace_id),
    constraint workspace_retention_successes_bounded check (success_days between 1 and 36500),
    constraint workspace_retention_failures_bounded  check (failure_days between 1 and 36500)
);

-- How far history has been swept for each age in use, so that each row is checked once per age: ids below
-- swept_until. cutoff_at: rows that finished before it may be gone. 0 days: the second pass, once a day, for
-- executions that ended long after the time in their id.
create table kronos.retention_sweeps (
    days         integer     not null,
    swept_until  uuid        not null default '00000000-0000-0000-0000-000000000000',
    cutoff_at    timestamptz not null default '-infinity',
    began_at     timestamptz not null default now(),
    constraint retention_sweeps_pkey primary key (days)
);
