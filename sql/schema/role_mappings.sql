-- The permissions that members of an identity provider's group have in a workspace; with several groups, the
-- highest.
create table kronos.role_mappings (
    mapping_id    uuid        not null default gen_random_uuid(),
    workspace_id  uuid        not null,
    group_name    text        not null,
    role          text        not null,
    sees_payloads boolean     not null,
    created_at    timestamptz not null default now(),
    constraint role_mappings_pkey          primary key (mapping_id),
    constraint role_mappings_group_key     unique (workspace_id, group_name),
    constraint role_mappings_role_known    check (role in ('viewer', 'operator', 'admin')),
    constraint role_mappings_payloads_are_viewers check (sees_payloads or role = 'viewer'),
    constraint role_mappings_group_bounded check (char_length(group_name) between 1 and 255),
    constraint role_mappings_workspace_fkey foreign key (workspace_id)
        references kronos.workspaces (workspace_id)
);
-- Serves find_sign_in.
create index role_mappings_of_group on kronos.role_mappings (group_name);
