-- A workspace is the wall between tenants: every row below it carries its id, in every key.
create table kronos.workspaces (
    workspace_id  uuid        not null default gen_random_uuid(),
    slug          text        not null,
    name          text        not null,
    status        text        not null default 'ACTIVE',
    created_at    timestamptz not null default now(),
    suspended_at  timestamptz,
    deleted_at    timestamptz,
    version       integer     not null default 1,    -- counts the changes, for If-Match
    constraint workspaces_pkey              primary key (workspace_id),
    constraint workspaces_slug_shape        check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    constraint workspaces_status_known      check (status in ('ACTIVE', 'SUSPENDED', 'DELETED')),
    constraint workspaces_suspended_is_told check (status <> 'SUSPENDED' or suspended_at is not null),
    constraint workspaces_deleted_is_told   check ((status = 'DELETED') = (deleted_at is not null))
);
-- One workspace per slug; a deleted one frees its own. Serves enter_workspace.
create unique index workspaces_slug_taken on kronos.workspaces (slug) where status <> 'DELETED';
-- Serves list_workspaces.
create index workspaces_newest on kronos.workspaces (created_at desc, workspace_id desc);
