alter table kronos.api_keys
    drop constraint api_keys_role_known,
    add column workspace_id uuid,
    add column sees_payloads boolean not null default true,
    add column name text,
    add column created_by text,
    add column expires_at timestamptz,
    add column last_used_at timestamptz,
    add constraint api_keys_role_known check (role in ('viewer', 'operator', 'admin', 'instance_admin')),
    add constraint api_keys_instance_is_told check ((role = 'instance_admin') = (workspace_id is null)),
    add constraint api_keys_payloads_are_viewers check (sees_payloads or role = 'viewer'),
    add constraint api_keys_name_bounded check (char_length(name) between 1 and 200),
    add constraint api_keys_workspace_fkey foreign key (workspace_id)
        references kronos.workspaces (workspace_id);
create index api_keys_of_workspace on kronos.api_keys (workspace_id, created_at desc, key_id desc)
    where workspace_id is not null;
