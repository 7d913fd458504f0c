-- The keys of calls that made something, kept in the transaction that made it, so that the same call again
-- makes nothing and is answered what it made. Those of jobs stand in kronos.jobs, as long as the job does.
-- Nothing refers to a workspace here: a key that outlives it is in nobody's way.
create table kronos.idempotency_keys (
    workspace_id     uuid        not null,
    operation        text        not null,
    idempotency_key  text        not null,
    request_sha256   bytea       not null,                   -- what makes two requests the same
    resource_id      uuid        not null,                   -- the execution, backfill, endpoint …
    created_at       timestamptz not null default now(),
    constraint idempotency_keys_pkey            primary key (workspace_id, operation, idempotency_key),
    constraint idempotency_keys_operation_known
        check (operation in ('trigger', 'backfill', 'retry', 'endpoint', 'config', 'payload_spec', 'calendar',
                             'test', 'redrive', 'discard', 'bulk'))
);
-- Serves retain_keys.
create index idempotency_keys_oldest on kronos.idempotency_keys (created_at);
