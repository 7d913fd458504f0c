create unlogged table kronos.live_changes (
    xid           xid8    not null default pg_current_xact_id(),
    workspace_id  uuid    not null,
    object        text    not null,
    change        text    not null,
    ids           uuid[]  not null,
    constraint live_changes_object_known check (object in ('job', 'execution')),
    constraint live_changes_change_known check (change in ('created', 'changed', 'next_run', 'finished'))
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_insert_threshold = -1);
create index live_changes_by_transaction on kronos.live_changes (xid);

create unlogged table kronos.live_watches (
    workspace_id  uuid        not null,
    since         xid8,
    until         timestamptz not null,
    constraint live_watches_pkey primary key (workspace_id)
);

create unlogged table kronos.live_marks (
    at       timestamptz not null,
    horizon  xid8        not null,
    constraint live_marks_pkey primary key (at)
);

create unlogged table kronos.live_origin (
    only_row      boolean not null default true,
    generation    uuid    not null default gen_random_uuid(),
    system        bigint  not null,
    noted_from    xid8    not null,
    constraint live_origin_pkey   primary key (only_row),
    constraint live_origin_is_one check (only_row)
);

create sequence kronos.live_until as bigint;
