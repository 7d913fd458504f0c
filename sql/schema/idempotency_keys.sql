-- The idempotency keys of calls that created something, stored in the same transaction, so that a repeated
-- call creates nothing and returns the original result. The keys of jobs are in kronos.jobs, as long as the
-- job is. There is no foreign key to workspaces: a key that outlives its workspace does no harm.
create table kronos.idempotency_keys (
    workspace_id     uuid        not null,
    operation        text        not null,
    idempotency_key  text        not null,
    request_sha256   bytea       not null,                   -- determines whether two requests are the same
    resource_id      uuid        not null,                   -- the execution, backfill, endpoint …
    created_at       timestamptz not null default now(),
    constraint idempotency_keys_pkey            primary key (workspace_id, operation, idempotency_key),
    constraint idempotency_keys_operation_known
        check (operation in ('trigger', 'backfill', 'retry', 'endpoint', 'config', 'payload_spec', 'calendar',
                             'test', 'redrive', 'discard', 'bulk'))
);
-- Serves retain_keys.
create index idempotency_keys_oldest on kronos.idempotency_keys (created_at);
