-- Every execution that is not finished: unpartitioned, small, hot. Its finished life is in execution_done.
-- One whose job_id is its own id is a one-shot that has no row in jobs (lookup/one_shot_rows); any other's
-- job is there (deletion/require_job).
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
    -- nobody may claim before this: run_at, the retry's time, or the lease's end while claimed
    visible_at        timestamptz not null,
    attempt_count     smallint    not null default 0,    -- claims so far
    max_attempts      smallint    not null,
    crashes           smallint    not null default 0,    -- leases that ran out
    max_crashes       smallint    not null,              -- 0: at most once
    timeout_ms        integer     not null,
    -- the fence: random, made by the worker, one per claim
    claim_token       uuid,
    worker_id         text,
    claimed_at        timestamptz,
    started_at        timestamptz,                       -- the first claim
    holds_slot        boolean     not null default false, -- this claim is counted in endpoint_gate.in_flight
    input             jsonb       not null,
    error             jsonb,                             -- of the attempt before
    -- the job's first version, where its runs must not overlap; visible_at 'infinity': held back by another
    overlap_key       uuid,
    backfill_id       uuid,
    -- it was cancelled while claimed: its attempt may end it, and it gets no other
    cancel_reason     jsonb,
    -- the order in which runs come to their keys: a key's later ones have higher numbers
    overlap_nth       bigint,
    deadline_at       timestamptz,                       -- nobody may claim at this time or later
    -- null: 0, which costs no byte then (decision 0064)
    priority          smallint,
    -- of the endpoint's template, as it was when this was claimed or parked; null before
    concurrency_key   text collate "C",
    -- its key is full: it was due then, and is again once visible_at is set back to this (release_parked)
    parked_at         timestamptz,
    -- it was tried, and its endpoint has max_age_seconds: deadline_at is no later than that (age_limit)
    is_age_limited    boolean,
    -- of a one-shot: who made it (creator_of)
    created_by        jsonb,
    -- of a run by hand: the span of its request (traceparent_of); a one-shot's is in created_by
    traceparent       text,
    -- half full, as by_job: a claim writes each entry a second time, and finds room without a split
    -- (decision 0049)
    constraint execution_live_pkey           primary key (execution_id) with (fillfactor = 45),
    constraint execution_live_cause_known
        check (cause in ('SCHEDULE', 'API', 'MANUAL', 'BACKFILL', 'CATCH_UP')),
    constraint execution_live_claim_is_whole check ((claim_token is null) = (worker_id is null)
                                                and (claim_token is null) = (claimed_at is null)
                                                and (claim_token is not null or not holds_slot)),
    constraint execution_live_attempts_bounded check (attempt_count <= max_attempts),
    constraint execution_live_held_is_unclaimed
        check (visible_at < 'infinity' or (overlap_key is not null and claim_token is null)),
    -- the session that gives it back ends it
    constraint execution_live_cancelled_is_claimed check (cancel_reason is null or claim_token is not null),
    constraint execution_live_overlap_is_whole check ((overlap_key is null) = (overlap_nth is null)),
    constraint execution_live_priority_known  check (priority between -10 and 10 and priority <> 0),
    constraint execution_live_parked_waits check (parked_at is null or (concurrency_key is not null
                                                                    and claim_token is null))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 20000,
        autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0,
        autovacuum_analyze_threshold = 5000);
-- Serves claim_executions and list_due_endpoints. Each priority of an endpoint is a queue of its own, in the
-- order of time; that of priority 0 is the last, 11.
create index execution_live_ready on kronos.execution_live (
    endpoint_id, (case when priority is null then 11 else priority end), visible_at
) where claim_token is null;
-- Serves expire_leases.
create index execution_live_lease on kronos.execution_live (visible_at) where claim_token is not null;
-- Serves expire_deadlines. What has no deadline is not in it.
create index execution_live_deadline on kronos.execution_live (deadline_at)
    where deadline_at is not null and claim_token is null;
-- Serves a job's executions, and cancel_job: a query by job says so (job_id <> execution_id). A one-shot that
-- is its execution is found by its id, and writes no entry here: 2 us less a delivery.
create index execution_live_by_job on kronos.execution_live (job_id, scheduled_at) with (fillfactor = 45)
    where job_id <> execution_id;
-- Serves find_one_shots: an endpoint's one-shots without a row in jobs, IMMEDIATE or not, newest last; those
-- that are claimed are found by execution_live_lease (claimed_one_shots).
create index execution_live_one_shots
    on kronos.execution_live (endpoint_id, (scheduled_at = created_at), created_at, execution_id)
    where job_id = execution_id and claim_token is null;
-- Serve admit_run, one_at_a_time and release_next; release_held. From runs_from on, a tick reads nothing of
-- the runs that ended before the last one.
create index execution_live_by_overlap on kronos.execution_live (overlap_key, overlap_nth)
    where overlap_key is not null;
create index execution_live_held on kronos.execution_live (overlap_key, overlap_nth)
    where visible_at = 'infinity';
-- Drawn with the lock of the job's newest version held (one_at_a_time).
create sequence kronos.overlap_nth;
-- Serves advance_backfills.
create index execution_live_by_backfill on kronos.execution_live (backfill_id) where backfill_id is not null;
-- Serves take_keyed and release_parked: how many of a key are under way, and how many are due.
create index execution_live_keyed
    on kronos.execution_live (endpoint_id, concurrency_key, claim_token, visible_at)
    where concurrency_key is not null and parked_at is null;
-- Serves release_parked and release_all_parked: what waits for room under its key, in the order of ranks
-- (rank_of; in UTC, where a minute is one whatever the session's time zone). It is due, so the order stands.
create index execution_live_parked
    on kronos.execution_live (endpoint_id, concurrency_key,
                              ((parked_at at time zone 'UTC')
                               - (case when priority is null then 0 else priority end)
                                 * interval '1 minute'))
    where parked_at is not null;

-- Every finished execution, insert-only, a partition a week: the id begins with the execution's time, so an
-- id prunes to one partition.
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
    -- ticks that this row accounts for: a run of missed ones is one row
    tick_count        integer     not null default 1,
    worker_id         text,
    input             jsonb       not null,
    output            jsonb,
    error             jsonb,
    backfill_id       uuid,
    -- the only attempt of one that succeeded: it has no row in kronos.attempt, as the rest of it stands here
    attempt_token     uuid,
    attempt_ms        integer,
    attempt_request   jsonb,
    priority          smallint,                          -- null: 0
    created_by        jsonb,                             -- as there
    constraint execution_done_pkey         primary key (execution_id),
    constraint execution_done_cause_known
        check (cause in ('SCHEDULE', 'API', 'MANUAL', 'BACKFILL', 'CATCH_UP')),
    constraint execution_done_status_known
        check (status in ('SUCCESS', 'FAILED', 'CANCELLED', 'SKIPPED', 'MISSED', 'EXPIRED')),
    constraint execution_done_reason_given
        check (status not in ('CANCELLED', 'SKIPPED', 'MISSED', 'EXPIRED') or status_reason is not null),
    constraint execution_done_counts_ticks check (tick_count > 0)
) partition by range (execution_id);
create table kronos.execution_done_default partition of kronos.execution_done default;
-- Serves a job's executions, and what they were of its ticks. Not (…, execution_id): a plan may scan such an
-- index for an id.
create index execution_done_by_job on kronos.execution_done (job_id, status, created_at);
-- Serves find_executions: a status in its order; all of them merged.
create index execution_done_newest on kronos.execution_done (workspace_id, status, created_at);
-- Serves find_one_shots, as execution_live_one_shots.
create index execution_done_one_shots
    on kronos.execution_done (endpoint_id, (scheduled_at = created_at), created_at, execution_id)
    where job_id = execution_id;
-- Serves find_executions by scheduled_at: the few rows that were made much earlier or later than that.
create index execution_done_odd on kronos.execution_done (workspace_id, created_at)
    where case when created_at between '0001-01-01 00:00:00+00' and '9999-12-31 00:00:00+00'
                 and scheduled_at between '0001-01-01 00:00:00+00' and '9999-12-31 00:00:00+00'
            then (created_at - scheduled_at) not between interval '-1 hour' and interval '1 hour'
            else true      -- an infinite instant has no distance
          end;

-- Serves old_partitions: whether anything in a partition finished lately. Rows come in the order in which
-- they finish: a summary of 64 pages each is enough.
create index execution_done_ended on kronos.execution_done
    using brin (completed_at) with (pages_per_range = 64, autosummarize = on);

-- Where finished executions were made more than an hour before or after the time in their ids: the days, in
-- UTC, of both, each with the execution that noted it: those that finish at the same time may each note the
-- same days, and wait for nobody. Serves find_executions, which reads the history in the order of ids, and
-- counted_before. Written by note_finished.
create table kronos.late_days (
    workspace_id  uuid  not null,
    id_day        date  not null,
    created_day   date  not null,
    execution_id  uuid  not null,
    constraint late_days_pkey primary key (workspace_id, created_day, id_day, execution_id)
);

-- The weeks (their Mondays, in UTC) in whose ids a workspace, or a CRON job's version, has had finished
-- executions of a status, or an endpoint one-shots that are their executions: nowhere else is one looked for.
-- Each by its first two: a week with one note had one, this one. ODD, in place of a status: what was made
-- long before or after the time that it is for (is_odd). It may have lost them since. Of what finished before
-- kronos.retention.weeks_from it does not tell. A week may be noted twice, by executions that finished at the
-- same time: so nobody waits for another's note. Serves find_executions and find_one_shots. Written by
-- note_finished.
create table kronos.history_weeks (
    workspace_id  uuid  not null,
    subject_id    uuid  not null,
    status        text  not null,
    week          date  not null,
    execution_id  uuid  not null,
    constraint history_weeks_pkey primary key (subject_id, status, week, execution_id)
);
-- Serves retain_notes.
create index history_weeks_by_age on kronos.history_weeks (week);
