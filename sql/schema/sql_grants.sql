-- The database roles that may make jobs by SQL (enqueue, enqueue_many), and of which workspace: a role has
-- one, so that no call says which. By name, which a dump keeps; the right to call the functions is the role's
-- own, so that another one which gets the name later has not got it.
create table kronos.sql_grants (
    role_name     text        not null,
    workspace_id  uuid        not null,
    granted_at    timestamptz not null default now(),
    constraint sql_grants_pkey           primary key (role_name),
    constraint sql_grants_workspace_fkey foreign key (workspace_id)
        references kronos.workspaces (workspace_id) on delete cascade
);
-- Serves the foreign key where retention deletes a workspace.
create index sql_grants_by_workspace on kronos.sql_grants (workspace_id);
