-- The pointer of a live CRON job: its next tick, and its progress. One row per job; a tick updates it and no
-- other row of the job. The index key that a tick updates begins with the new time. So no tick has to skip
-- dead versions of earlier ticks, which cannot be removed while another session reads in an old snapshot. By
-- job_id the index is read from the end (pointer_of): the last version is the live one.
-- Rows are inserted with their job, and deleted when it is over (stamp_job).
create table kronos.pointers (
    job_id        uuid        not null,
    workspace_id  uuid        not null,
    next_tick_at  timestamptz not null,                    -- 'infinity': none is left
    -- the newest tick that was delivered, including those of older versions
    last_run_at   timestamptz,
    runs          integer     not null default 0,
    is_paused     boolean     not null default false,      -- from the job's status; maintained by stamp_job
    is_halted     boolean     not null default false,      -- its workspace was suspended
    is_internal   boolean     not null default false,      -- rung only by its own alarm
    is_awaited    boolean     not null
        generated always as (not (is_paused or is_halted or is_internal)) stored,
    -- no unfinished run of its overlap key has a lower overlap_nth
    runs_from     bigint      not null default 0,
    -- the tick itself, if a calendar moves it to another day; next_tick_at is then its due time
    tick_at       timestamptz,
    constraint pointers_pkey          primary key (job_id, next_tick_at),
    constraint pointers_job_fkey      foreign key (workspace_id, job_id)
        references kronos.jobs (workspace_id, job_id) on delete cascade
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0);
-- Serves every ring: due ticks, most overdue first. One column: equal keys are stored once, in row order.
create index pointers_due on kronos.pointers (next_tick_at) where is_awaited;
-- Serves sorted_jobs: jobs that do not run come last.
create index pointers_next on kronos.pointers (
    workspace_id,
    (case when is_paused or is_halted or is_internal then '9999-12-31 00:00:00+00'::timestamptz
          else least(next_tick_at, '9999-12-31 00:00:00+00'::timestamptz) end),
    job_id
);

-- No tick older than lowest_at is awaited, so the search for missed ticks begins there and reads no old
-- entries. raise_floor moves it up, lower_floor moves it down.
create table kronos.pointers_floor (
    only_row    boolean     not null default true,
    lowest_at   timestamptz not null default '-infinity',
    -- when all pointers were last checked, not only those above the floor
    checked_at  timestamptz not null default now(),
    constraint pointers_floor_pkey   primary key (only_row),
    constraint pointers_floor_is_one check (only_row)
);
insert into kronos.pointers_floor default values;
