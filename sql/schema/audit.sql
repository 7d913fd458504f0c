-- The changes and their authors: one row per change, written in its transaction by note_change and by the
-- functions that act on executions, through write_audit. A row stays in audit_pending until seal_audit,
-- within seconds, moves it to audit: into the chain of its workspace, in the order in which transactions were
-- committed. So no transaction waits for a chain, and a row that is committed late is appended late.
create table kronos.audit_pending (
    -- of the transaction: its changes to one object are one row
    xid           xid8        not null default pg_current_xact_id(),
    audit_id      uuid        not null default gen_random_uuid(),
    workspace_id  uuid,                              -- null: the instance
    at            timestamptz not null,
    actor         text        not null,
    key_id        text,                              -- public id of the API key
    address       text,                              -- the client's, as the API saw it
    request_id    text,
    database_user text        not null,              -- the role that logged in to the database
    action        text        not null,
    object_type   text        not null,
    object_id     text        not null,
    object        text,                              -- its name
    before        jsonb,                             -- the changed fields before
    after         jsonb,                             -- and after
    source        text,                              -- 'apply': from files (kronos.managed)
    constraint audit_pending_pkey         primary key (xid, object_type, object_id),
    constraint audit_pending_action_shape check (action ~ '^[a-z_]+\.[a-z_]+$')
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
-- Serves seal_audit: the oldest rows of each chain, however many rows of other chains wait.
create index audit_pending_by_chain on kronos.audit_pending (
    (coalesce(workspace_id, '00000000-0000-0000-0000-000000000000')), at
);

-- Insert-only (keep_audit); retain_audit removes its beginning.
create table kronos.audit (
    chain_id      uuid        not null,              -- the workspace's id; all 0: the instance's
    number        bigint      not null,              -- from 1, without a gap
    audit_id      uuid        not null,
    workspace_id  uuid,
    workspace     text,                              -- its slug
    at            timestamptz not null,
    actor         text        not null,
    key_id        text,
    address       text,
    request_id    text,
    database_user text        not null,
    action        text        not null,
    object_type   text        not null,
    object_id     text        not null,
    object        text,
    before        jsonb,
    after         jsonb,
    -- SHA-256 of the hash of the row before and of audit_record
    hash          bytea       not null,
    source        text,
    constraint audit_pkey          primary key (chain_id, number),
    constraint audit_hash_is_full  check (octet_length(hash) = 32),
    constraint audit_chain_is_own  check (chain_id = coalesce(workspace_id,
                                                              '00000000-0000-0000-0000-000000000000'))
);
-- Serve list_audit, in its order: one index per filter, for one workspace.
create index audit_newest on kronos.audit (chain_id, at, audit_id);
create index audit_by_actor on kronos.audit (chain_id, actor, at, audit_id);
create index audit_by_action on kronos.audit (chain_id, action, at, audit_id);
create index audit_by_type on kronos.audit (chain_id, object_type, at, audit_id);
create index audit_by_object on kronos.audit (chain_id, object_id, at, audit_id);
create index audit_by_name on kronos.audit (chain_id, object, at, audit_id) where object is not null;
create index audit_by_request on kronos.audit (chain_id, request_id, at, audit_id)
    where request_id is not null;
-- The same across all workspaces, for the instance's administrator.
create index audit_all_newest on kronos.audit (at, audit_id);
create index audit_all_by_actor on kronos.audit (actor, at, audit_id);
create index audit_all_by_action on kronos.audit (action, at, audit_id);
create index audit_all_by_type on kronos.audit (object_type, at, audit_id);
create index audit_all_by_object on kronos.audit (object_id, at, audit_id);
create index audit_all_by_name on kronos.audit (object, at, audit_id) where object is not null;
create index audit_all_by_request on kronos.audit (request_id, at, audit_id) where request_id is not null;

-- Where each chain begins and ends: its last row, and the last row that retention has removed.
create table kronos.audit_chains (
    chain_id      uuid        not null,
    workspace_id  uuid,
    number        bigint      not null,
    hash          bytea       not null,
    sealed_at     timestamptz not null,
    cut_number    bigint      not null default 0,    -- 0: nothing was removed
    cut_hash      bytea       not null,
    cut_at        timestamptz,
    constraint audit_chains_pkey     primary key (chain_id),
    constraint audit_chains_in_order check (cut_number <= number)
) with (fillfactor = 50);
