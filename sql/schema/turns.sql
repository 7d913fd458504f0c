-- What a workspace's jobs have still to follow: the instants at which it was suspended and resumed. Each
-- job decides by them what becomes of its ticks, whenever its turn comes (follow_turns); turn_some brings
-- them on, so many at a time. A row a workspace; it goes when all of its jobs have followed.
create table kronos.turns (
    workspace_id     uuid          not null,
    instants         timestamptz[] not null,     -- suspended, resumed, suspended … in this order, ascending
    turned_at        timestamptz   not null,     -- the last of them
    phase            text          not null default 'TICKS',     -- then ENTRIES, then BEHIND
    -- how far the phase has come: jobs up to this one, by age
    after_created_at timestamptz   not null default '-infinity',
    after_job_id     uuid          not null default '00000000-0000-0000-0000-000000000000',
    -- passed over: somebody held them, or they failed
    behind           uuid[]        not null default '{}',
    next_at          timestamptz   not null default '-infinity', -- those are not tried before
    steps_left       integer       not null,                     -- about: two a job
    last_error       jsonb,                                      -- at, type, message; of the last that failed
    constraint turns_pkey            primary key (workspace_id),
    constraint turns_workspace_fkey  foreign key (workspace_id)
        references kronos.workspaces (workspace_id) on delete cascade,
    constraint turns_phase_known     check (phase in ('TICKS', 'ENTRIES', 'BEHIND')),
    constraint turns_instants_some
        check (cardinality(instants) > 0 and turned_at = instants[cardinality(instants)])
);
