-- The suspensions and resumptions that a workspace's jobs have yet to follow. Their instants decide what
-- becomes of each job's ticks, whenever the job's turn comes (follow_turns); turn_some processes them in
-- steps. One row per workspace, deleted when all of its jobs have followed.
create table kronos.turns (
    workspace_id     uuid          not null,
    instants         timestamptz[] not null,     -- suspended, resumed, suspended … in this order, ascending
    turned_at        timestamptz   not null,     -- the last of them
    phase            text          not null default 'TICKS',     -- then ENTRIES, then BEHIND
    -- the progress of the phase: jobs up to this one, by age
    after_created_at timestamptz   not null default '-infinity',
    after_job_id     uuid          not null default '00000000-0000-0000-0000-000000000000',
    -- skipped: another session had them locked, or they failed
    behind           uuid[]        not null default '{}',
    next_at          timestamptz   not null default '-infinity', -- these are not tried before
    steps_left       integer       not null,                     -- approximately: two per job
    last_error       jsonb,                                      -- at, type, message of the last failure
    constraint turns_pkey            primary key (workspace_id),
    constraint turns_workspace_fkey  foreign key (workspace_id)
        references kronos.workspaces (workspace_id) on delete cascade,
    constraint turns_phase_known     check (phase in ('TICKS', 'ENTRIES', 'BEHIND')),
    constraint turns_instants_some
        check (cardinality(instants) > 0 and turned_at = instants[cardinality(instants)])
);
