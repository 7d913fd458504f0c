-- The database roles that may create jobs by SQL (enqueue, enqueue_many), each for one workspace, so that
-- calls need not name it. Stored by role name, which a dump keeps. The privilege to call the functions
-- belongs to the role itself, so another role that gets the name later does not have it.
create table kronos.sql_grants (
    role_name     text        not null,
    workspace_id  uuid        not null,
    granted_at    timestamptz not null default now(),
    constraint sql_grants_pkey           primary key (role_name),
    constraint sql_grants_workspace_fkey foreign key (workspace_id)
        references kronos.workspaces (workspace_id) on delete cascade
);
-- Serves the foreign key when retention deletes a workspace.
create index sql_grants_by_workspace on kronos.sql_grants (workspace_id);
