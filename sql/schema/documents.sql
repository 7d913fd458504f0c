-- A document is a named JSON object of a workspace: a config, whose values templates use, or a payload spec,
-- the JSON Schema for inputs, both named by endpoints; or a calendar, which jobs name.
create table kronos.documents (
    document_id   uuid        not null default gen_random_uuid(),
    workspace_id  uuid        not null,
    kind          text        not null,
    name          text        not null,
    version       integer     not null default 1,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    deleted_at    timestamptz,
    constraint documents_pkey              primary key (document_id),
    constraint documents_in_workspace_key  unique (workspace_id, document_id),
    constraint documents_workspace_id_fkey foreign key (workspace_id)
        references kronos.workspaces (workspace_id),
    constraint documents_kind_known        check (kind in ('CONFIG', 'PAYLOAD_SPEC', 'CALENDAR')),
    constraint documents_name_shape        check (name ~ '^[A-Za-z0-9]([A-Za-z0-9._-]{0,62})$')
);
-- One document of a kind per name; deleting it frees the name. Serves get_document, and writes of endpoints.
create unique index documents_name_taken on kronos.documents (workspace_id, kind, name)
    where deleted_at is null;
-- Serves list_documents.
create index documents_newest on kronos.documents (workspace_id, kind, created_at desc, document_id desc)
    where deleted_at is null;

-- Insert-only. An execution uses the config version that its endpoint's version names.
create table kronos.document_versions (
    document_id   uuid        not null,
    version       integer     not null,
    workspace_id  uuid        not null,
    content       jsonb       not null,
    created_at    timestamptz not null default now(),
    constraint document_versions_pkey          primary key (document_id, version),
    constraint document_versions_document_fkey foreign key (workspace_id, document_id)
        references kronos.documents (workspace_id, document_id)
);
