alter type kronos.schedule
    add attribute nearest_days   bigint,
    add attribute nth_weekdays   bigint,
    add attribute last_weekdays  integer,
    add attribute every_hour     boolean,
    add attribute every_seconds  integer,
    add attribute anchor         timestamptz,
    add attribute timezone       text,
    add attribute dst_gap        text,
    add attribute dst_overlap    text;

alter table kronos.jobs
    add column every        text,
    add column anchor       timestamptz,
    add column ticks_from   timestamptz not null default now(),
    add column ticks_until  timestamptz,
    add column skip_next    integer     not null default 0,
    add column resume_at    timestamptz,
    add column is_halted    boolean     not null default false,
    drop constraint jobs_cron_is_whole,
    drop constraint jobs_overlap_known,
    add constraint jobs_schedule_is_whole    check ((trigger = 'CRON') = (num_nonnulls(cron, every) = 1)
                                                and (every is null) = (anchor is null)
                                                and (trigger = 'CRON') = (timezone is not null)
                                                and (trigger = 'CRON') = (schedule is distinct from null)
                                                and (trigger = 'CRON') = (alarm is not null)
                                                and (trigger = 'CRON') = (description is not null)),
    add constraint jobs_overlap_known        check (overlap in ('ALLOW', 'SKIP', 'QUEUE', 'REPLACE')),
    add constraint jobs_skip_next_bounded    check (skip_next between 0 and 10000),
    add constraint jobs_only_pauses_end      check (resume_at is null or status = 'PAUSED');
update kronos.jobs
   set ticks_from   = created_at,
       ticks_until  = retired_at,
       schedule     = ((schedule).minutes, (schedule).hours, (schedule).days, (schedule).months, (schedule).weekdays, (schedule).both_days,
                       0, 0, 0, true, null, null, 'UTC', 'SHIFT', 'FIRST')::kronos.schedule
 where trigger = 'CRON';
drop index kronos.jobs_due;
create index jobs_due on kronos.jobs (next_tick_at) where status = 'ACTIVE' and next_tick_at is not null and not is_halted;
create index jobs_resuming on kronos.jobs (resume_at) where status = 'PAUSED' and resume_at is not null;

alter table kronos.execution_live
    add column overlap_key  uuid,
    add column backfill_id  uuid,
    add constraint execution_live_held_is_unclaimed check (visible_at < 'infinity' or (overlap_key is not null and claim_token is null));
create index execution_live_by_overlap on kronos.execution_live (overlap_key) where overlap_key is not null;
create index execution_live_held on kronos.execution_live (overlap_key) where visible_at = 'infinity';
create unique index execution_live_one_at_a_time on kronos.execution_live (overlap_key) where overlap_key is not null and visible_at < 'infinity';
create index execution_live_by_backfill on kronos.execution_live (backfill_id) where backfill_id is not null;
alter table kronos.execution_done
    add column backfill_id  uuid;
create index execution_done_by_backfill on kronos.execution_done (backfill_id) where backfill_id is not null;

create table kronos.zones (
    timezone     text          not null,
    offsets      integer[]     not null,
    gaps         timestamptz[] not null,
    gap_seconds  integer[]     not null,
    read_at      timestamptz   not null default now(),
    constraint zones_pkey           primary key (timezone),
    constraint zones_gaps_are_whole check (cardinality(gaps) = cardinality(gap_seconds))
);

create table kronos.job_faults (
    job_id        uuid        not null,
    workspace_id  uuid        not null,
    next_tick_at  timestamptz,
    sqlstate      text        not null,
    message       text        not null,
    failed_at     timestamptz not null default now(),
    constraint job_faults_pkey     primary key (job_id),
    constraint job_faults_job_fkey foreign key (workspace_id, job_id) references kronos.jobs (workspace_id, job_id)
);

create table kronos.catch_up_wave (
    only_row         boolean     not null default true,
    immediate        integer     not null default 5,
    stagger_seconds  integer     not null default 5,
    began_at         timestamptz not null default '-infinity',
    at_once          integer     not null default 0,
    last_run_at      timestamptz not null default '-infinity',
    constraint catch_up_wave_pkey              primary key (only_row),
    constraint catch_up_wave_is_one            check (only_row),
    constraint catch_up_wave_immediate_bounded check (immediate between 1 and 10000),
    constraint catch_up_wave_stagger_bounded   check (stagger_seconds between 0 and 3600)
);
insert into kronos.catch_up_wave default values;

create table kronos.backfills (
    backfill_id       uuid        not null default gen_random_uuid(),
    workspace_id      uuid        not null,
    job_id            uuid        not null,
    first_version_id  uuid        not null,
    status            text        not null default 'RUNNING',
    status_reason     jsonb,
    from_at           timestamptz not null,
    to_at             timestamptz not null,
    max_active        integer     not null,
    next_at           timestamptz,
    ticks             integer     not null,
    created           integer     not null default 0,
    left_out          integer     not null default 0,
    created_at        timestamptz not null default now(),
    completed_at      timestamptz,
    constraint backfills_pkey             primary key (backfill_id),
    constraint backfills_job_fkey         foreign key (workspace_id, job_id) references kronos.jobs (workspace_id, job_id),
    constraint backfills_status_known     check (status in ('RUNNING', 'COMPLETED', 'CANCELLED', 'FAILED')),
    constraint backfills_end_is_told      check ((status = 'RUNNING') = (completed_at is null)),
    constraint backfills_reason_given     check ((status in ('CANCELLED', 'FAILED')) = (status_reason is not null)),
    constraint backfills_window_not_empty check (to_at > from_at),
    constraint backfills_active_bounded   check (max_active between 1 and 1000)
) with (fillfactor = 50);
create index backfills_running on kronos.backfills (first_version_id) where status = 'RUNNING';
create index backfills_newest on kronos.backfills (workspace_id, first_version_id, created_at desc, backfill_id desc);
