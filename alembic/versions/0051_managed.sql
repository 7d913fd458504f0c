create table kronos.managed (
    workspace_id uuid        not null,
    kind         text        not null,
    name         text        not null,
    set_name     text        not null,
    object_id    uuid        not null,
    fields       jsonb       not null,
    applied_at   timestamptz not null,
    constraint managed_pkey           primary key (workspace_id, kind, name),
    constraint managed_kind_known     check (kind in ('config', 'payload_spec', 'endpoint', 'job')),
    constraint managed_set_bounded    check (char_length(set_name) between 1 and 63),
    constraint managed_workspace_fkey foreign key (workspace_id)
        references kronos.workspaces (workspace_id)
);

alter table kronos.audit_pending add column source text;
alter table kronos.audit add column source text;
