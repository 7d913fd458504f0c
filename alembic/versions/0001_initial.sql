-- A cron expression, parsed once at creation into bit masks: kronos.parse_cron writes it, kronos.next_tick reads it.
create type kronos.schedule as (
    minutes    bigint,   -- bits 0-59
    hours      integer,  -- bits 0-23
    days       bigint,   -- bits 1-31, and 32 for the last day of the month
    months     integer,  -- bits 1-12
    weekdays   integer,  -- bits 0-6, Sunday is 0
    both_days  boolean   -- day-of-month AND day-of-week, where either field begins with a star; else OR
);
-- A workspace is the wall between tenants: every row below it carries its id, in every key.
create table kronos.workspaces (
    workspace_id  uuid        not null default gen_random_uuid(),
    slug          text        not null,
    name          text        not null,
    status        text        not null default 'ACTIVE',
    created_at    timestamptz not null default now(),
    suspended_at  timestamptz,
    deleted_at    timestamptz,
    constraint workspaces_pkey              primary key (workspace_id),
    constraint workspaces_slug_shape        check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    constraint workspaces_status_known      check (status in ('ACTIVE', 'SUSPENDED', 'DELETED')),
    constraint workspaces_suspended_is_told check (status <> 'SUSPENDED' or suspended_at is not null),
    constraint workspaces_deleted_is_told   check ((status = 'DELETED') = (deleted_at is not null))
);
-- One workspace per slug; a deleted one frees its own. Serves enter_workspace.
create unique index workspaces_slug_taken on kronos.workspaces (slug) where status <> 'DELETED';
-- Serves list_workspaces.
create index workspaces_newest on kronos.workspaces (created_at desc, workspace_id desc);
-- Who may call the API. The secret is never stored, only its SHA-256: it has 256 random bits, so a slow hash adds nothing.
create table kronos.api_keys (
    key_id         uuid        not null default gen_random_uuid(),
    public_id      text        not null,
    secret_sha256  bytea       not null,
    role           text        not null,
    created_at     timestamptz not null default now(),
    revoked_at     timestamptz,
    constraint api_keys_pkey           primary key (key_id),
    constraint api_keys_public_id_key  unique (public_id),
    constraint api_keys_role_known     check (role in ('instance_admin')),
    constraint api_keys_digest_is_full check (octet_length(secret_sha256) = 32)
);
-- An endpoint is where deliveries go; its versions are what a delivery was made of, so that an execution keeps the one it began with.
create table kronos.endpoints (
    endpoint_id   uuid        not null default gen_random_uuid(),
    workspace_id  uuid        not null,
    name          text        not null,
    type          text        not null,
    version       integer     not null default 1,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    deleted_at    timestamptz,
    constraint endpoints_pkey              primary key (endpoint_id),
    constraint endpoints_in_workspace_key  unique (workspace_id, endpoint_id),
    constraint endpoints_workspace_id_fkey foreign key (workspace_id) references kronos.workspaces (workspace_id),
    constraint endpoints_name_shape        check (name ~ '^[A-Za-z0-9]([A-Za-z0-9._-]{0,62})$'),
    constraint endpoints_type_known        check (type in ('HTTP', 'KAFKA', 'REDIS_STREAM', 'INTERNAL'))
);
-- One endpoint per name; a deleted one frees its own. Serves get_endpoint and every job's creation.
create unique index endpoints_name_taken on kronos.endpoints (workspace_id, name) where deleted_at is null;
-- Serves list_endpoints.
create index endpoints_newest on kronos.endpoints (workspace_id, created_at desc, endpoint_id desc);

-- Insert-only. The worker reads one version once and caches it by (endpoint_id, version).
create table kronos.endpoint_versions (
    endpoint_id   uuid        not null,
    version       integer     not null,
    workspace_id  uuid        not null,
    spec          jsonb       not null,
    retry_policy  jsonb       not null,
    timeout_ms    integer     not null,
    max_attempts  smallint    not null,
    max_crashes   smallint    not null,
    created_at    timestamptz not null default now(),
    constraint endpoint_versions_pkey             primary key (endpoint_id, version),
    constraint endpoint_versions_endpoint_fkey    foreign key (workspace_id, endpoint_id) references kronos.endpoints (workspace_id, endpoint_id),
    constraint endpoint_versions_timeout_bounded  check (timeout_ms between 1 and 900000),
    constraint endpoint_versions_attempts_bounded check (max_attempts between 1 and 100),
    constraint endpoint_versions_crashes_bounded  check (max_crashes between 0 and 100)
);

-- One row per endpoint that workers deliver to: pause, and, only where a limit is set, mutex and exact in-flight counter.
create table kronos.endpoint_gate (
    endpoint_id    uuid        not null,
    workspace_id   uuid        not null,
    in_flight      integer     not null default 0,
    max_in_flight  integer,
    paused_until   timestamptz not null default '-infinity',
    constraint endpoint_gate_pkey             primary key (endpoint_id),
    constraint endpoint_gate_endpoint_fkey    foreign key (workspace_id, endpoint_id) references kronos.endpoints (workspace_id, endpoint_id),
    constraint endpoint_gate_never_negative   check (in_flight >= 0),
    constraint endpoint_gate_limit_not_negative check (max_in_flight >= 0)
) with (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
-- A job is what a workspace asked for: an endpoint, an input and one trigger. One row is one version: an update retires it and inserts the next.
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
    runs                     integer     not null default 0,
    dst_gap                  text        not null default 'SHIFT',
    dst_overlap              text        not null default 'FIRST',
    jitter_seconds           integer     not null default 0,
    overlap                  text        not null default 'ALLOW',
    catch_up_policy          text        not null default 'LATEST',
    catch_up_window_seconds  integer     not null default 3600,
    next_tick_at             timestamptz,
    last_run_at              timestamptz,
    idempotency_key          text,
    request_sha256           bytea,
    created_at               timestamptz not null default now(),
    retired_at               timestamptz,
    constraint jobs_pkey                 primary key (job_id),
    constraint jobs_in_workspace_key     unique (workspace_id, job_id),
    constraint jobs_versions_key         unique (first_version_id, version),
    constraint jobs_endpoint_fkey        foreign key (workspace_id, endpoint_id) references kronos.endpoints (workspace_id, endpoint_id),
    constraint jobs_previous_fkey        foreign key (workspace_id, previous_version_id) references kronos.jobs (workspace_id, job_id),
    constraint jobs_replaced_by_fkey     foreign key (workspace_id, replaced_by_id) references kronos.jobs (workspace_id, job_id)
                                         deferrable initially deferred,
    constraint jobs_name_shape           check (name ~ '^[A-Za-z0-9]([A-Za-z0-9._-]{0,126})$'),
    constraint jobs_trigger_known        check (trigger in ('IMMEDIATE', 'DELAYED', 'CRON')),
    constraint jobs_status_known         check (status in ('ACTIVE', 'PAUSED', 'RETIRED', 'COMPLETED')),
    constraint jobs_only_cron_pauses     check (status <> 'PAUSED' or trigger = 'CRON'),
    constraint jobs_cron_is_whole        check ((trigger = 'CRON') = (cron is not null)
                                            and (trigger = 'CRON') = (timezone is not null)
                                            and (trigger = 'CRON') = (schedule is not null)
                                            and (trigger = 'CRON') = (alarm is not null)
                                            and (trigger = 'CRON') = (description is not null)),
    constraint jobs_delayed_has_run_at   check ((trigger = 'DELAYED') = (run_at is not null)),
    constraint jobs_retired_is_told      check ((status in ('RETIRED', 'COMPLETED')) = (retired_at is not null)),
    constraint jobs_window_not_empty     check (ends_at > starts_at),
    constraint jobs_first_is_itself      check ((version = 1) = (previous_version_id is null)
                                            and (version = 1) = (first_version_id = job_id)),
    constraint jobs_not_its_own_heir     check (replaced_by_id <> job_id),
    constraint jobs_max_runs_positive    check (max_runs > 0),
    constraint jobs_jitter_bounded       check (jitter_seconds between 0 and 3600),
    constraint jobs_dst_gap_known        check (dst_gap in ('SHIFT', 'SKIP')),
    constraint jobs_dst_overlap_known    check (dst_overlap in ('FIRST', 'BOTH')),
    constraint jobs_overlap_known        check (overlap in ('ALLOW', 'SKIP')),
    constraint jobs_catch_up_known       check (catch_up_policy in ('SKIP', 'LATEST', 'ALL')),
    constraint jobs_catch_up_bounded     check (catch_up_window_seconds between 0 and 2678400)
) with (fillfactor = 85);
-- One job per idempotency key, for ever. Serves insert_cron_job and insert_one_shot_job.
create unique index jobs_idempotency_taken on kronos.jobs (workspace_id, idempotency_key) where idempotency_key is not null;
-- One live job per name. Serves find_job.
create unique index jobs_name_taken on kronos.jobs (workspace_id, name) where name is not null and status in ('ACTIVE', 'PAUSED');
-- At most one live version of a job, whoever writes.
create unique index jobs_one_live_version on kronos.jobs (first_version_id) where status in ('ACTIVE', 'PAUSED');
-- Serves fire: other jobs that are due, most overdue first.
create index jobs_due on kronos.jobs (next_tick_at) where status = 'ACTIVE' and next_tick_at is not null;
-- Serves end_jobs.
create index jobs_ending on kronos.jobs (ends_at) where status in ('ACTIVE', 'PAUSED') and ends_at is not null;
-- Serves list_jobs.
create index jobs_newest on kronos.jobs (workspace_id, created_at desc, job_id desc);
-- Serves the names of retired jobs (find_job).
create index jobs_by_name on kronos.jobs (workspace_id, name, created_at desc) where name is not null;
-- Serves delete_endpoint: is it in use?
create index jobs_by_endpoint on kronos.jobs (endpoint_id) where status in ('ACTIVE', 'PAUSED');
-- Every execution that is not finished: unpartitioned, small, hot. Its finished life is in execution_done.
create table kronos.execution_live (
    execution_id      uuid        not null,
    workspace_id      uuid        not null,
    job_id            uuid        not null,
    endpoint_id       uuid        not null,
    endpoint_version  integer     not null,
    cause             text        not null,
    scheduled_at      timestamptz not null,
    run_at            timestamptz not null,
    created_at        timestamptz not null default now(),
    visible_at        timestamptz not null,              -- nobody may claim before this: run_at, the retry's time, or the lease's end while claimed
    attempt_count     smallint    not null default 0,    -- claims so far
    max_attempts      smallint    not null,
    crashes           smallint    not null default 0,    -- leases that ran out
    max_crashes       smallint    not null,              -- 0: at most once
    timeout_ms        integer     not null,
    claim_token       uuid,                              -- the fence: random, made by the worker, one per claim
    worker_id         text,
    claimed_at        timestamptz,
    started_at        timestamptz,                       -- the first claim
    holds_slot        boolean     not null default false, -- this claim is counted in endpoint_gate.in_flight
    input             jsonb       not null,
    error             jsonb,                             -- of the attempt before
    constraint execution_live_pkey           primary key (execution_id),
    constraint execution_live_job_fkey       foreign key (workspace_id, job_id) references kronos.jobs (workspace_id, job_id),
    constraint execution_live_cause_known    check (cause in ('SCHEDULE', 'API', 'MANUAL', 'BACKFILL', 'CATCH_UP')),
    constraint execution_live_claim_is_whole check ((claim_token is null) = (worker_id is null)
                                                and (claim_token is null) = (claimed_at is null)
                                                and (claim_token is not null or not holds_slot)),
    constraint execution_live_attempts_bounded check (attempt_count <= max_attempts)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 20000,
        autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000);
-- Serves claim_executions and list_due_endpoints.
create index execution_live_ready on kronos.execution_live (endpoint_id, visible_at) where claim_token is null;
-- Serves expire_leases.
create index execution_live_lease on kronos.execution_live (visible_at) where claim_token is not null;
-- Serves a job's executions, and cancel_job.
create index execution_live_by_job on kronos.execution_live (job_id, scheduled_at);

-- Every finished execution, insert-only, a partition a day: the id begins with the execution's time, so an id prunes to one partition.
create table kronos.execution_done (
    execution_id      uuid        not null,
    workspace_id      uuid        not null,
    job_id            uuid        not null,
    endpoint_id       uuid        not null,
    endpoint_version  integer     not null,
    cause             text        not null,
    status            text        not null,
    status_reason     jsonb,
    scheduled_at      timestamptz not null,
    run_at            timestamptz not null,
    created_at        timestamptz not null,
    started_at        timestamptz,
    completed_at      timestamptz not null default now(),
    attempt_count     smallint    not null default 0,
    max_attempts      smallint    not null,
    tick_count        integer     not null default 1,    -- ticks that this row accounts for: a run of missed ones is one row
    worker_id         text,
    input             jsonb       not null,
    output            jsonb,
    error             jsonb,
    constraint execution_done_pkey         primary key (execution_id),
    constraint execution_done_cause_known  check (cause in ('SCHEDULE', 'API', 'MANUAL', 'BACKFILL', 'CATCH_UP')),
    constraint execution_done_status_known check (status in ('SUCCESS', 'FAILED', 'CANCELLED', 'SKIPPED', 'MISSED', 'EXPIRED')),
    constraint execution_done_reason_given check (status not in ('CANCELLED', 'SKIPPED', 'MISSED', 'EXPIRED') or status_reason is not null),
    constraint execution_done_counts_ticks check (tick_count > 0)
) partition by range (execution_id);
create table kronos.execution_done_default partition of kronos.execution_done default;
-- Serves a job's executions. Not (…, execution_id): a generic plan would scan such an index for an id.
create index execution_done_by_job on kronos.execution_done (job_id, scheduled_at);
-- Serves list_executions.
create index execution_done_newest on kronos.execution_done (workspace_id, created_at);
-- Every attempt that has ended, insert-only, partitioned like execution_done. One under way is its execution_live row's claim.
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
    constraint attempt_pkey         primary key (execution_id, claim_token),
    constraint attempt_status_known check (status in ('SUCCESS', 'FAILED', 'TIMED_OUT', 'UNKNOWN', 'LOST'))
) partition by range (execution_id);
create table kronos.attempt_default partition of kronos.attempt default;

-- Results of workers that had lost their lease: evidence, without effect.
create table kronos.attempt_late (
    execution_id  uuid        not null,
    claim_token   uuid        not null,
    status        text        not null,
    worker_id     text        not null,
    error         jsonb,
    received_at   timestamptz not null default now(),
    constraint attempt_late_pkey primary key (execution_id, claim_token)
);
-- When pg_cron last rang each internal job ('-infinity': not yet): the pulse that API and workers judge it by.
create table kronos.heartbeats (
    job_id   uuid        not null,
    rang_at  timestamptz not null,
    constraint heartbeats_pkey primary key (job_id)
) with (fillfactor = 50);
