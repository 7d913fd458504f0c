-- An endpoint is where deliveries go. Its versions are the data from which deliveries are built, so that an
-- execution keeps the version it began with.
create table kronos.endpoints (
    endpoint_id   uuid        not null default gen_random_uuid(),
    workspace_id  uuid        not null,
    name          text        not null,
    type          text        not null,
    version       integer     not null default 1,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    deleted_at    timestamptz,
    title         text,                              -- its display name
    payload_spec_id  uuid,                           -- validates the inputs of its jobs
    config_id     uuid,                              -- of its current version
    on_disabled   text        not null default 'WAIT', -- for ticks of its jobs while it is disabled
    constraint endpoints_pkey              primary key (endpoint_id),
    constraint endpoints_in_workspace_key  unique (workspace_id, endpoint_id),
    constraint endpoints_workspace_id_fkey foreign key (workspace_id)
        references kronos.workspaces (workspace_id),
    constraint endpoints_name_shape        check (name ~ '^[A-Za-z0-9]([A-Za-z0-9._-]{0,62})$'),
    constraint endpoints_type_known
        check (type in ('HTTP', 'KAFKA', 'REDIS_STREAM', 'EMAIL', 'INTERNAL')),
    constraint endpoints_title_shape
        check (char_length(title) between 1 and 200 and title !~ '[\u0001-\u001f\u007f-\u009f]'),
    constraint endpoints_payload_spec_fkey foreign key (workspace_id, payload_spec_id)
        references kronos.documents (workspace_id, document_id),
    constraint endpoints_config_fkey       foreign key (workspace_id, config_id)
        references kronos.documents (workspace_id, document_id),
    constraint endpoints_on_disabled_known check (on_disabled in ('WAIT', 'SKIP'))
);
-- One endpoint per name; deleting it frees the name. Serves get_endpoint and every creation of a job.
create unique index endpoints_name_taken on kronos.endpoints (workspace_id, name) where deleted_at is null;
-- Serves list_endpoints.
create index endpoints_newest on kronos.endpoints (workspace_id, created_at desc, endpoint_id desc);
-- Serve changes and deletions of documents: which endpoints name one?
create index endpoints_by_payload_spec on kronos.endpoints (payload_spec_id, endpoint_id)
    where payload_spec_id is not null and deleted_at is null;
create index endpoints_by_config on kronos.endpoints (config_id, endpoint_id)
    where config_id is not null and deleted_at is null;

-- Insert-only. The worker reads each version once and caches it by (endpoint_id, version).
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
    config_id     uuid,                              -- that version's values are available to templates
    config_version integer,
    -- the version that has the same spec and retry_policy; this one differs from it only in the config
    spec_version  integer,
    secrets       text[]      not null default '{}', -- the names of those that its deliveries need
    signing_secrets text[]    not null default '{}', -- those of them that sign, newest first
    constraint endpoint_versions_pkey             primary key (endpoint_id, version),
    constraint endpoint_versions_endpoint_fkey    foreign key (workspace_id, endpoint_id)
        references kronos.endpoints (workspace_id, endpoint_id),
    constraint endpoint_versions_timeout_bounded  check (timeout_ms between 1 and 900000),
    constraint endpoint_versions_attempts_bounded check (max_attempts between 1 and 100),
    constraint endpoint_versions_crashes_bounded  check (max_crashes between 0 and 100),
    constraint endpoint_versions_config_is_whole  check ((config_id is null) = (config_version is null)),
    constraint endpoint_versions_spec_is_older    check (spec_version < version),
    constraint endpoint_versions_config_fkey      foreign key (workspace_id, config_id)
        references kronos.documents (workspace_id, document_id),
    constraint endpoint_versions_signers_are_secrets check (signing_secrets <@ secrets)
);
-- Serves delete_secret.
create index endpoint_versions_with_secrets on kronos.endpoint_versions (workspace_id)
    where secrets <> '{}';

-- One row per endpoint that workers deliver to: its pause and, only if the endpoint or its workspace has a
-- limit, the mutex, the exact counter of deliveries in progress, and the bucket of its rate.
create table kronos.endpoint_gate (
    endpoint_id    uuid        not null,
    workspace_id   uuid        not null,
    in_flight      integer     not null default 0,
    max_in_flight  integer,
    paused_until   timestamptz not null default '-infinity',
    latest_version integer,                          -- use: latest. Every claim uses this version
    -- one delivery at a time tries it, so long after the previous one; null: it is not on trial
    trial_seconds  integer,
    -- rate_count deliveries may begin every rate_seconds, and after a quiet time rate_burst at the same time
    rate_count     integer,
    rate_seconds   integer,
    rate_burst     integer,
    -- how many could have begun at rate_at (kronos.refilled); null: rate_burst
    rate_tokens    double precision,
    rate_at        timestamptz,
    worker_group   text,                             -- whose workers deliver; null: workers without a group
    -- at most key_max deliveries with the same key are in progress at the same time; key_parts is the parsed
    -- template (kronos.concurrency_key)
    key_template   text,
    key_parts      jsonb,
    key_max        integer,
    constraint endpoint_gate_pkey             primary key (endpoint_id),
    constraint endpoint_gate_endpoint_fkey    foreign key (workspace_id, endpoint_id)
        references kronos.endpoints (workspace_id, endpoint_id),
    constraint endpoint_gate_never_negative   check (in_flight >= 0),
    constraint endpoint_gate_limit_not_negative check (max_in_flight >= 0),
    constraint endpoint_gate_trial_not_negative check (trial_seconds >= 0),
    constraint endpoint_gate_rate_is_whole    check ((rate_count is null) = (rate_seconds is null)
                                                 and (rate_count is null) = (rate_burst is null)),
    constraint endpoint_gate_rate_bounded     check (rate_count between 1 and 1000000
                                                 and rate_seconds between 1 and 86400
                                                 and rate_burst between 1 and 1000000),
    constraint endpoint_gate_group_shape
        check (worker_group ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' and worker_group <> 'default'),
    constraint endpoint_gate_key_is_whole     check ((key_template is null) = (key_parts is null)
                                                 and (key_template is null) = (key_max is null)),
    constraint endpoint_gate_key_bounded      check (key_max between 1 and 1000)
) with (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
-- Serves has_worker_groups.
create index endpoint_gate_by_group on kronos.endpoint_gate (worker_group) where worker_group is not null;

-- Endpoints that have failed or were disabled. Written under the lock of the gate's row by note_outcomes,
-- enable_endpoint and disable_endpoint. It has no foreign key: with one, the end of a delivery would wait for
-- any session that has the endpoint's row locked. An endpoint that never fails has no row. The gate holds the
-- time until which it is not tried, because claims read the gate.
create table kronos.endpoint_health (
    endpoint_id     uuid        not null,
    workspace_id    uuid        not null,
    state           text        not null default 'ACTIVE',
    since           timestamptz not null default now(),      -- of the state
    reason          jsonb,
    -- its next success changes this row, so finalize_successes leaves it to finalize_executions
    is_watched      boolean     not null default false,
    failures        integer     not null default 0,          -- consecutive ones, of its current version
    failing_since   timestamptz,                             -- the first of them
    last_failure_at timestamptz,
    last_success_at timestamptz,                             -- the last one that was recorded here
    constraint endpoint_health_pkey           primary key (endpoint_id),
    constraint endpoint_health_state_known    check (state in ('ACTIVE', 'SLOWED', 'DISABLED')),
    constraint endpoint_health_reason_given   check ((state = 'ACTIVE') = (reason is null)),
    constraint endpoint_health_streak_is_whole check ((failures > 0) = (failing_since is not null)),
    constraint endpoint_health_streak_is_watched check (is_watched or failures = 0)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
-- Serves finalize_successes and finalize_executions.
create index endpoint_health_watched on kronos.endpoint_health (endpoint_id) where is_watched;
-- Serves list_due_endpoints and account_ticks.
create index endpoint_health_kept_off on kronos.endpoint_health (endpoint_id) where state <> 'ACTIVE';
