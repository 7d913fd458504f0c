create table kronos.sql_grants (
    role_name     text        not null,
    workspace_id  uuid        not null,
    granted_at    timestamptz not null default now(),
    constraint sql_grants_pkey           primary key (role_name),
    constraint sql_grants_workspace_fkey foreign key (workspace_id) references kronos.workspaces (workspace_id) on delete cascade
);
create index sql_grants_by_workspace on kronos.sql_grants (workspace_id);
