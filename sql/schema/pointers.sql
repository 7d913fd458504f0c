-- The pointer of a live CRON job: its next tick, and how far it has come. One row a job; a tick moves it and
-- writes nothing else of the job. It moves by a key that begins with what it comes to, so no tick walks
-- through the versions of those before it, which nothing may remove while another session reads in an old
-- snapshot. By job_id it is read from the end (pointer_of): the last version is the living one.
-- Rows come with their job's, and go when it is over (stamp_job).
create table kronos.pointers (
    job_id        uuid        not null,
    workspace_id  uuid        not null,
    next_tick_at  timestamptz not null,                    -- 'infinity': none is left
    -- the newest tick that was delivered, by older versions too
    last_run_at   timestamptz,
    runs          integer     not null default 0,
    is_paused     boolean     not null default false,      -- as the job's status says; stamp_job keeps it
    is_halted     boolean     not null default false,      -- its workspace was suspended
    is_internal   boolean     not null default false,      -- rung by its own alarm alone
    is_awaited    boolean     not null
        generated always as (not (is_paused or is_halted or is_internal)) stored,
    -- no unfinished run of its overlap key has a lower overlap_nth
    runs_from     bigint      not null default 0,
    -- the tick itself, where a calendar moves it to another day: next_tick_at is then when it is due
    tick_at       timestamptz,
    constraint pointers_pkey          primary key (job_id, next_tick_at),
    constraint pointers_job_fkey      foreign key (workspace_id, job_id)
        references kronos.jobs (workspace_id, job_id) on delete cascade
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0);
-- Serves every ring: what is due, most overdue first. One column: equal keys are stored once, in the order of
-- the rows.
create index pointers_due on kronos.pointers (next_tick_at) where is_awaited;
-- Serves sorted_jobs: those that do not run stand last.
create index pointers_next on kronos.pointers (
    workspace_id,
    (case when is_paused or is_halted or is_internal then '9999-12-31 00:00:00+00'::timestamptz
          else least(next_tick_at, '9999-12-31 00:00:00+00'::timestamptz) end),
    job_id
);

-- No tick older than lowest_at is awaited, so the look for missed ticks begins there and reads nothing
-- that is long gone. raise_floor moves it on, lower_floor moves it back.
create table kronos.pointers_floor (
    only_row    boolean     not null default true,
    lowest_at   timestamptz not null default '-infinity',
    -- when all pointers were looked through, and not only those above it
    checked_at  timestamptz not null default now(),
    constraint pointers_floor_pkey   primary key (only_row),
    constraint pointers_floor_is_one check (only_row)
);
insert into kronos.pointers_floor default values;
