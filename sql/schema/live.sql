-- Recent changes, for listeners (GET …/events): the ids of the rows that a statement changed in one
-- workspace. Written by note_live while a client watches the workspace, and kept for ten minutes
-- (watch_live). Unlogged, so it costs no WAL. After a crash, and on a promoted standby, it is empty and its
-- origin is gone; a client that continues from a position in it is told to read the lists again.
create unlogged table kronos.live_changes (
    -- of the transaction: a reader that passes a snapshot gets the changes that the snapshot did not see,
    -- whenever the transaction began
    xid           xid8    not null default pg_current_xact_id(),
    workspace_id  uuid    not null,
    object        text    not null,
    change        text    not null,
    ids           uuid[]  not null,
    constraint live_changes_object_known
        check (object in ('job', 'execution', 'heartbeat', 'endpoint', 'config', 'payload_spec', 'calendar',
                          'secret', 'alert_rule', 'incident', 'workspace', 'instance', 'operation', 'audit')),
    constraint live_changes_change_known
        check (change in ('created', 'changed', 'next_run', 'finished', 'deleted'))
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_insert_threshold = -1);
-- Serves read_live, and watch_live, which deletes old rows.
create index live_changes_by_transaction on kronos.live_changes (xid);

-- The workspaces that are watched, and until when; API processes with listeners renew this repeatedly.
create unlogged table kronos.live_watches (
    workspace_id  uuid        not null,
    -- changes of this transaction and of all that began later are recorded; null: watching has just begun
    since         xid8,
    until         timestamptz not null,
    constraint live_watches_pkey primary key (workspace_id)
);

-- Which transactions had ended at which time: their changes may be deleted ten minutes later.
create unlogged table kronos.live_marks (
    at       timestamptz not null,
    horizon  xid8        not null,      -- all before it had ended
    constraint live_marks_pkey primary key (at)
);

-- The cluster whose transaction numbers these are, and the first number that is covered.
create unlogged table kronos.live_origin (
    only_row      boolean not null default true,
    generation    uuid    not null default gen_random_uuid(),
    system        bigint  not null,
    noted_from    xid8    not null,
    constraint live_origin_pkey   primary key (only_row),
    constraint live_origin_is_one check (only_row)
);

-- The time until which anything is watched, in seconds since 1970. A sequence, because its value is visible
-- immediately, even to open transactions and old snapshots, and reading it is no statement (is_watched).
create sequence kronos.live_until as bigint;
