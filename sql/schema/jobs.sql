-- A job is a request of a workspace: an endpoint, an input and one trigger. Each row is one version: an
-- update retires it and inserts the next.
create table kronos.jobs (
    job_id                   uuid        not null default gen_random_uuid(),
    workspace_id             uuid        not null,
    first_version_id         uuid        not null,
    version                  integer     not null default 1,
    previous_version_id      uuid,
    replaced_by_id           uuid,
    name                     text,
    endpoint_id              uuid        not null,
    trigger                  text        not null,
    status                   text        not null default 'ACTIVE',
    status_reason            jsonb,
    input                    jsonb       not null default '{}',
    tags                     text[]      not null default '{}',
    run_at                   timestamptz,
    cron                     text,
    timezone                 text,
    schedule                 kronos.schedule,
    alarm                    text,
    description              text,
    starts_at                timestamptz,
    ends_at                  timestamptz,
    max_runs                 integer,
    -- once the job is over; while a CRON job is live, its pointer has the count
    runs                     integer     not null default 0,
    dst_gap                  text        not null default 'SHIFT',
    dst_overlap              text        not null default 'FIRST',
    jitter_seconds           integer     not null default 0,
    overlap                  text        not null default 'ALLOW',
    catch_up_policy          text        not null default 'LATEST',
    catch_up_window_seconds  integer     not null default 3600,
    last_run_at              timestamptz,                        -- like runs
    idempotency_key          text,
    request_sha256           bytea,
    created_at               timestamptz not null default now(),
    retired_at               timestamptz,
    -- an interval as the user wrote it, instead of cron
    every                    text,
    anchor                   timestamptz,                       -- the interval is counted from this
    -- the version accounts for ticks later than this
    ticks_from               timestamptz not null default now(),
    -- and, once it is over, up to this
    ticks_until              timestamptz,
    skip_next                integer     not null default 0,    -- the number of coming ticks to skip
    resume_at                timestamptz,                       -- when a pause ends automatically
    -- instead of anchor: the time that the zone's clocks show; the interval then counts on them
    anchor_local             timestamp,
    -- the local time of the zone from which run_at was computed
    run_at_local             timestamp,
    title                    text,                              -- its display name
    -- an execution that is not delivered within this long after its time is not delivered at all
    deadline_seconds         integer,
    priority                 smallint    not null default 0,    -- of its executions
    -- what its runs trigger: as the user wrote it, with the id of the endpoint or job that it names
    on_success               jsonb,
    on_failure               jsonb,
    -- of a CRON job: the span of the request that created this version (traceparent_of)
    traceparent              text,
    -- names of calendars; ticks that one of them closes are skipped, or moved to another day
    calendars                text[]      not null default '{}',
    on_blackout              text        not null default 'SKIP',
    -- how far its owner allows a run to be moved from its tick (null: not at all), and by how much each run
    -- is moved
    spread                   text,
    offset_seconds           integer     not null default 0,
    -- the text that `q` searches (search_text), written with the row; null: there is none or, for a row of an
    -- earlier release, it is not written yet
    search_text              text,
    constraint jobs_pkey                 primary key (job_id),
    constraint jobs_in_workspace_key     unique (workspace_id, job_id),
    constraint jobs_versions_key         unique (first_version_id, version),
    constraint jobs_endpoint_fkey        foreign key (workspace_id, endpoint_id)
        references kronos.endpoints (workspace_id, endpoint_id),
    constraint jobs_previous_fkey        foreign key (workspace_id, previous_version_id)
        references kronos.jobs (workspace_id, job_id)
                                         on delete set null (previous_version_id),      -- by retention
    constraint jobs_replaced_by_fkey     foreign key (workspace_id, replaced_by_id)
        references kronos.jobs (workspace_id, job_id)
                                         on delete set null (replaced_by_id) deferrable initially deferred
    -- Constraints on its columns and between them: functions/changes/require_sound_job.sql
) with (fillfactor = 85,
        autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0);
-- One job per idempotency key, as long as its row is kept. Serves insert_cron_jobs and insert_one_shot_jobs.
create unique index jobs_idempotency_taken on kronos.jobs (workspace_id, idempotency_key)
    where idempotency_key is not null;
-- One live job per name. Serves find_job.
create unique index jobs_name_taken on kronos.jobs (workspace_id, name)
    where name is not null and status in ('ACTIVE', 'PAUSED');
-- At most one live version of a job, no matter which code writes.
create unique index jobs_one_live_version on kronos.jobs (first_version_id)
    where status in ('ACTIVE', 'PAUSED');
-- Serves end_jobs.
create index jobs_ending on kronos.jobs (ends_at)
    where status in ('ACTIVE', 'PAUSED') and ends_at is not null;
-- Serves find_jobs: one trigger and status in its order; several are merged.
create index jobs_newest on kronos.jobs (workspace_id, trigger, status, created_at, job_id);
-- Serves sorted_jobs: jobs without a name come last, because no name begins with ~.
create index jobs_by_live_name on kronos.jobs (workspace_id, (coalesce(name collate "C", '~')), job_id)
    where trigger = 'CRON' and status in ('ACTIVE', 'PAUSED');
-- Serves the names of retired jobs (find_job).
create index jobs_by_name on kronos.jobs (workspace_id, name, created_at desc, job_id) where name is not null;
-- Serves search_jobs, which reads texts in list order, from the index only.
create index jobs_searched on kronos.jobs (workspace_id, trigger, status, created_at, job_id)
    include (search_text, endpoint_id)
    where search_text is not null;
-- Serves bare_jobs and note_search_texts: rows of an earlier release, until they have their text.
create index jobs_named on kronos.jobs (workspace_id, trigger, status, created_at, job_id)
    include (name, title, description, endpoint_id)
    where search_text is null and (name is not null or title is not null or description is not null);
-- Serves find_jobs, and delete_endpoint (is the endpoint in use?).
create index jobs_by_endpoint on kronos.jobs (endpoint_id, trigger, status, created_at, job_id);
-- Serves check_ledgers, which reads the live CRON jobs in the order of their ids, batch by batch. One-shots,
-- however many, are not in it.
create index jobs_live_cron on kronos.jobs (job_id) where trigger = 'CRON' and status in ('ACTIVE', 'PAUSED');
-- Serves movable_jobs. Jobs whose owners allow no move are not in it.
create index jobs_that_spread on kronos.jobs (workspace_id, job_id)
    where spread is not null and status in ('ACTIVE', 'PAUSED');
-- Serves resume_jobs_in_time.
create index jobs_resuming on kronos.jobs (resume_at) where status = 'PAUSED' and resume_at is not null;
-- Serves retain_jobs.
create index jobs_over on kronos.jobs (retired_at, job_id) where status in ('RETIRED', 'COMPLETED');
-- Serves calendar_users and follow_calendar. Jobs without a calendar are not in it.
create index jobs_by_calendar on kronos.jobs using gin (calendars)
    where calendars <> '{}' and status in ('ACTIVE', 'PAUSED');
-- Serves move_some: the jobs whose pointers a calendar change may move, in the order of their ids.
create index jobs_that_roll on kronos.jobs (workspace_id, job_id)
    where calendars <> '{}' and on_blackout <> 'SKIP' and status in ('ACTIVE', 'PAUSED');
-- Serves alike_terms: as jobs_by_terms, for jobs with calendars, from the index only.
create index jobs_by_closed_terms on kronos.jobs (
    workspace_id, calendars, on_blackout, cron, every, timezone, anchor, anchor_local, dst_gap, dst_overlap,
    starts_at, ends_at, resume_at, status, ticks_from
) where calendars <> '{}' and trigger = 'CRON' and status in ('ACTIVE', 'PAUSED');
-- Serve the foreign keys when a version is deleted.
create index jobs_by_previous on kronos.jobs (previous_version_id) where previous_version_id is not null;
create index jobs_by_heir on kronos.jobs (replaced_by_id) where replaced_by_id is not null;
-- Serves zones_in_use, refresh_jobs, and everything that reads all live CRON jobs: is_pg_cron_right,
-- pg_cron_drift, count_jobs. One column, because equal keys are stored once.
create index jobs_by_zone on kronos.jobs (timezone) where trigger = 'CRON' and status in ('ACTIVE', 'PAUSED');
-- Serves alike_terms and alarm_peak, which count all live CRON jobs of a workspace by the columns that
-- determine when they run, from the index only. Equal keys are stored once, so 50,000 jobs with 800 schedules
-- are 53 pages.
create index jobs_by_terms on kronos.jobs (workspace_id, cron, every, timezone, anchor, anchor_local, dst_gap,
                                           dst_overlap, starts_at, ends_at, resume_at, status, alarm)
    where trigger = 'CRON' and status in ('ACTIVE', 'PAUSED');
-- Serves is_alarm_needed, and counts of distinct alarms.
create index jobs_by_alarm on kronos.jobs (alarm, workspace_id) where trigger = 'CRON' and status = 'ACTIVE';
-- Serves count_jobs and check_ledgers.
create index jobs_until on kronos.jobs (ticks_until) where trigger = 'CRON' and ticks_until is not null;
-- Serves reask_local_one_shots.
create index jobs_local_one_shots on kronos.jobs (timezone)
    where run_at_local is not null and status = 'ACTIVE';

-- The tags of all jobs, each in list order, so that a page of a tag reads only the rows that it shows. A tag
-- of more than 64 characters, which only SQL can write, is not searched. Serves tagged_jobs. Maintained by
-- note_tags.
create table kronos.job_tags (
    workspace_id  uuid        not null,
    tag           text        not null,
    trigger       text        not null,
    status        text        not null,
    created_at    timestamptz not null,
    job_id        uuid        not null,
    endpoint_id   uuid        not null,
    constraint job_tags_pkey primary key (workspace_id, tag, trigger, status, created_at, job_id)
        include (endpoint_id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_insert_scale_factor = 0.05);
