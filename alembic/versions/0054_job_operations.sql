-- Many jobs are changed by an operation, behind the request that began it.
alter table kronos.operations add column terms jsonb;
alter table kronos.operations add column caller jsonb;
alter table kronos.operations add column refused jsonb not null default '[]';
alter table kronos.operations add column held_since timestamptz;
alter table kronos.operations drop constraint operations_kind_known;
alter table kronos.operations add constraint operations_kind_known
    check (kind in ('REDRIVE', 'DISCARD', 'PAUSE', 'RESUME', 'CANCEL', 'TRIGGER'));
alter table kronos.idempotency_keys drop constraint idempotency_keys_operation_known;
alter table kronos.idempotency_keys add constraint idempotency_keys_operation_known
    check (operation in ('trigger', 'backfill', 'retry', 'endpoint', 'config', 'payload_spec', 'test',
                         'redrive', 'discard', 'bulk'));
