create table kronos.idempotency_keys (
    workspace_id     uuid        not null,
    operation        text        not null,
    idempotency_key  text        not null,
    request_sha256   bytea       not null,
    resource_id      uuid        not null,
    created_at       timestamptz not null default now(),
    constraint idempotency_keys_pkey            primary key (workspace_id, operation, idempotency_key),
    constraint idempotency_keys_operation_known check (operation in ('trigger', 'backfill', 'retry', 'endpoint'))
);
create index idempotency_keys_oldest on kronos.idempotency_keys (created_at);
