-- Empty but while a suspension or resumption is under way.
create table kronos.turns (
    workspace_id     uuid          not null,
    instants         timestamptz[] not null,
    turned_at        timestamptz   not null,
    phase            text          not null default 'TICKS',
    after_created_at timestamptz   not null default '-infinity',
    after_job_id     uuid          not null default '00000000-0000-0000-0000-000000000000',
    behind           uuid[]        not null default '{}',
    next_at          timestamptz   not null default '-infinity',
    steps_left       integer       not null,
    constraint turns_pkey            primary key (workspace_id),
    constraint turns_workspace_fkey  foreign key (workspace_id) references kronos.workspaces (workspace_id) on delete cascade,
    constraint turns_phase_known     check (phase in ('TICKS', 'ENTRIES', 'BEHIND')),
    constraint turns_instants_some   check (cardinality(instants) > 0 and turned_at = instants[cardinality(instants)])
);
