-- What has changed lately, for those who listen (GET …/events): the ids of what a statement changed in one
-- workspace. Written by note_live while somebody watches the workspace, and kept for ten minutes
-- (watch_live). Unlogged: it costs no WAL. After a crash, and on a standby that is promoted, it is empty with
-- its origin gone, and who goes on from a place in it is asked to read the lists again.
create unlogged table kronos.live_changes (
    -- the transaction's: a reader that names a snapshot gets what it could not see then, whenever it began
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
-- Serves read_live, and watch_live, which deletes what is old.
create index live_changes_by_transaction on kronos.live_changes (xid);

-- The workspaces that are watched, until when: an API process that has listeners says it again and again.
create unlogged table kronos.live_watches (
    workspace_id  uuid        not null,
    -- of this transaction and of all that began later everything is noted; null: it has just begun
    since         xid8,
    until         timestamptz not null,
    constraint live_watches_pkey primary key (workspace_id)
);

-- Which transactions had ended when: what they had noted may go ten minutes later.
create unlogged table kronos.live_marks (
    at       timestamptz not null,
    horizon  xid8        not null,      -- all before it had
    constraint live_marks_pkey primary key (at)
);

-- Of which cluster's transactions the numbers are, and from which on they are there.
create unlogged table kronos.live_origin (
    only_row      boolean not null default true,
    generation    uuid    not null default gen_random_uuid(),
    system        bigint  not null,
    noted_from    xid8    not null,
    constraint live_origin_pkey   primary key (only_row),
    constraint live_origin_is_one check (only_row)
);

-- Until when anything is watched, in seconds since 1970. A sequence: what it says holds at once, for open
-- transactions and old snapshots too, and to ask it is no statement (is_watched).
create sequence kronos.live_until as bigint;
