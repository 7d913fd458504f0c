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
    constraint documents_kind_known        check (kind in ('CONFIG', 'PAYLOAD_SPEC')),
    constraint documents_name_shape        check (name ~ '^[A-Za-z0-9]([A-Za-z0-9._-]{0,62})$')
);
create unique index documents_name_taken on kronos.documents (workspace_id, kind, name)
    where deleted_at is null;
create index documents_newest on kronos.documents (workspace_id, kind, created_at desc, document_id desc)
    where deleted_at is null;
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
alter table kronos.documents owner to kronos_owner;
alter table kronos.document_versions owner to kronos_owner;

alter table kronos.endpoints
    add column payload_spec_id uuid,
    add column config_id uuid,
    add constraint endpoints_payload_spec_fkey foreign key (workspace_id, payload_spec_id)
        references kronos.documents (workspace_id, document_id),
    add constraint endpoints_config_fkey foreign key (workspace_id, config_id)
        references kronos.documents (workspace_id, document_id);
create index endpoints_by_payload_spec on kronos.endpoints (payload_spec_id, endpoint_id)
    where payload_spec_id is not null and deleted_at is null;
create index endpoints_by_config on kronos.endpoints (config_id, endpoint_id)
    where config_id is not null and deleted_at is null;
alter table kronos.endpoint_versions
    add column config_id uuid,
    add column config_version integer,
    add column spec_version integer,
    add constraint endpoint_versions_config_is_whole check ((config_id is null) = (config_version is null)),
    add constraint endpoint_versions_spec_is_older check (spec_version < version),
    add constraint endpoint_versions_config_fkey foreign key (workspace_id, config_id)
        references kronos.documents (workspace_id, document_id);
alter table kronos.endpoint_gate add column latest_version integer;
alter table kronos.idempotency_keys drop constraint idempotency_keys_operation_known;
alter table kronos.idempotency_keys add constraint idempotency_keys_operation_known
    check (operation in ('trigger', 'backfill', 'retry', 'endpoint', 'config', 'payload_spec', 'test'));
