-- A heartbeat: what a workspace expects of a job that runs elsewhere. It has a schedule like a job's, or a
-- period that starts again with each ping. Any client that has the token may ping. Only the token's SHA-256
-- is stored; the token has 192 random bits. (kronos.heartbeats is the pulse of the internal jobs.)
create table kronos.beats (
    heartbeat_id    uuid        not null default gen_random_uuid(),
    workspace_id    uuid        not null,
    name            text        not null,
    status          text        not null default 'ACTIVE',
    tags            text[]      not null default '{}',
    -- as it was written
    cron            text,
    every           text,
    anchor          timestamptz,
    anchor_local    timestamp,
    timezone        text        not null default 'UTC',
    dst_gap         text        not null default 'SHIFT',
    dst_overlap     text        not null default 'FIRST',
    period_seconds  integer,                         -- instead of these: so long after the previous ping
    schedule        kronos.schedule,                 -- null: a period
    description     text        not null,
    grace_seconds   integer     not null,            -- how long after its tick a ping is on time
    max_run_seconds integer     not null,            -- a run that has not ended by then has failed
    note            text,                            -- the note of its pause
    version         integer     not null default 1,
    token_sha256    bytea       not null,
    token_version   integer     not null default 1,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    deleted_at      timestamptz,
    constraint beats_pkey              primary key (heartbeat_id),
    constraint beats_in_workspace_key  unique (workspace_id, heartbeat_id),
    constraint beats_token_key         unique (token_sha256),
    constraint beats_workspace_fkey    foreign key (workspace_id) references kronos.workspaces (workspace_id),
    constraint beats_name_shape        check (name ~ '^[A-Za-z0-9]([A-Za-z0-9._-]{0,62})$'),
    constraint beats_status_known      check (status in ('ACTIVE', 'PAUSED')),
    constraint beats_expects_one       check (num_nonnulls(cron, every, period_seconds) = 1
                                              and (schedule is null) = (period_seconds is not null)),
    constraint beats_period_bounded    check (period_seconds between 10 and 34560000),
    constraint beats_grace_bounded     check (grace_seconds between 1 and 31536000),
    constraint beats_run_bounded       check (max_run_seconds between 1 and 31536000),
    constraint beats_tags_bounded      check (cardinality(tags) <= 20),
    constraint beats_note_bounded      check (char_length(note) <= 500),
    constraint beats_digest_is_full    check (octet_length(token_sha256) = 32)
);
-- One heartbeat per name; a deleted one frees its own. Serves get_heartbeats.
create unique index beats_name_taken on kronos.beats (workspace_id, name) where deleted_at is null;
-- Serves list_heartbeats, and the count of heartbeats.
create index beats_newest on kronos.beats (workspace_id, created_at desc, heartbeat_id desc)
    where deleted_at is null;
-- Serves enroll_jobs.
create index beats_changed on kronos.beats (workspace_id, updated_at, heartbeat_id) where deleted_at is null;
-- Serves delete_beats.
create index beats_deleted on kronos.beats (deleted_at) where deleted_at is not null;

-- Up to where a heartbeat's ticks are accounted for, and its latest pings: the row that each ping updates.
create table kronos.beat_pointers (
    heartbeat_id    uuid        not null,
    workspace_id    uuid        not null,
    -- the first tick that is not accounted for; infinity: there is none
    next_tick_at    timestamptz not null,
    -- a ping from here on counts for that tick, even though it comes before it
    opens_at        timestamptz not null,
    -- when it is missed; infinity: never, or paused
    due_at          timestamptz not null,
    last_tick_at    timestamptz,                     -- the last one with a row that a late ping may change
    -- the outcome of the last expected tick; null: none was expected yet
    last_status     text,
    last_ping_at    timestamptz,
    last_success_at timestamptz,
    last_duration_ms bigint,
    -- of the last run that began without an id and has not ended
    run_started_at  timestamptz,
    run_tick_at     timestamptz,
    pings           bigint      not null default 0,  -- ever received: each has its number
    -- those of the current minute
    minute_at       timestamptz not null default '-infinity',
    minute_pings    integer     not null default 0,
    constraint beat_pointers_pkey primary key (heartbeat_id),
    constraint beat_pointers_beat_fkey foreign key (workspace_id, heartbeat_id)
        references kronos.beats (workspace_id, heartbeat_id),
    constraint beat_pointers_status_known
        check (last_status in ('ON_TIME', 'LATE', 'MISSED', 'FAILED', 'UNKNOWN'))
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
-- Serves account_beats.
create index beat_pointers_due on kronos.beat_pointers (due_at) where due_at < 'infinity';

-- The outcome of each tick. A row for several ticks (tick_count) covers those from tick_at to until_at.
create table kronos.beat_ticks (
    heartbeat_id    uuid        not null,
    tick_at         timestamptz not null,
    workspace_id    uuid        not null,
    status          text        not null,
    reason          text,                            -- of SKIPPED, UNKNOWN, and FAILED without a message
    tick_count      integer     not null default 1,
    until_at        timestamptz not null,
    run_id          text,
    started_at      timestamptz,                     -- null: no start was reported
    ended_at        timestamptz,
    duration_ms     bigint,
    exit_code       smallint,
    run_due_at      timestamptz,                     -- while it is RUNNING: when it will have run too long
    changed_at      timestamptz not null,
    constraint beat_ticks_pkey primary key (heartbeat_id, tick_at),
    constraint beat_ticks_status_known
        check (status in ('ON_TIME', 'LATE', 'MISSED', 'FAILED', 'RUNNING', 'UNKNOWN', 'SKIPPED')),
    constraint beat_ticks_running_ends check ((status = 'RUNNING') = (run_due_at is not null)),
    constraint beat_ticks_in_order     check (until_at >= tick_at and tick_count > 0)
) with (fillfactor = 85);
-- Serves expire_beat_runs.
create index beat_ticks_running on kronos.beat_ticks (run_due_at) where status = 'RUNNING';
-- Serves account_beat, and the displayed state of a heartbeat.
create index beat_ticks_running_of on kronos.beat_ticks (heartbeat_id, started_at) where status = 'RUNNING';

-- Received pings, newest last. tick_at: the tick that a ping counted for; null: none.
create table kronos.beat_pings (
    heartbeat_id    uuid        not null,
    number          bigint      not null,
    workspace_id    uuid        not null,
    at              timestamptz not null,
    kind            text        not null,
    exit_code       smallint,
    run_id          text,
    tick_at         timestamptz,
    duration_ms     bigint,
    log             text,                            -- the end of its output
    is_log_cut      boolean     not null default false,
    method          text        not null,
    address         text,
    agent           text,
    constraint beat_pings_pkey       primary key (heartbeat_id, number),
    constraint beat_pings_kind_known check (kind in ('START', 'SUCCESS', 'FAIL', 'LOG')),
    constraint beat_pings_log_bounded check (octet_length(log) <= 10240)
);
-- Serves take_ping: the start of a run, and pings that were sent twice.
create index beat_pings_of_run on kronos.beat_pings (heartbeat_id, run_id, number) where run_id is not null;

-- The time up to which pings could be received, as API processes report every few seconds, and the periods in
-- which they could not. A tick that was expected in such a period is UNKNOWN, not MISSED.
create table kronos.ping_door (
    only_row    boolean     not null default true,
    open_until  timestamptz not null default '-infinity',
    constraint ping_door_pkey   primary key (only_row),
    constraint ping_door_is_one check (only_row)
) with (fillfactor = 50);
insert into kronos.ping_door default values;
create table kronos.ping_gaps (
    from_at   timestamptz not null,
    until_at  timestamptz not null,
    constraint ping_gaps_pkey primary key (from_at),
    constraint ping_gaps_in_order check (until_at > from_at)
);
