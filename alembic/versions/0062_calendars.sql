-- Calendars, and what becomes of the ticks that one closes.
alter table kronos.documents drop constraint documents_kind_known;
alter table kronos.documents add constraint documents_kind_known
    check (kind in ('CONFIG', 'PAYLOAD_SPEC', 'CALENDAR'));
alter table kronos.idempotency_keys drop constraint idempotency_keys_operation_known;
alter table kronos.idempotency_keys add constraint idempotency_keys_operation_known
    check (operation in ('trigger', 'backfill', 'retry', 'endpoint', 'config', 'payload_spec', 'calendar', 'test',
                         'redrive', 'discard', 'bulk'));
create table kronos.calendars (
    document_id   uuid           not null,
    workspace_id  uuid           not null,
    name          text           not null,
    version       integer        not null,
    timezone      text           not null,
    closed_week   int4multirange not null default '{}',
    froms         timestamp[]    not null default '{}',
    tos           timestamp[]    not null default '{}',
    names         text[]         not null default '{}',
    are_open      boolean[]      not null default '{}',
    constraint calendars_pkey          primary key (document_id),
    constraint calendars_name_taken    unique (workspace_id, name),
    constraint calendars_document_fkey foreign key (workspace_id, document_id)
        references kronos.documents (workspace_id, document_id) on delete cascade
);
alter table kronos.managed drop constraint managed_kind_known;
alter table kronos.managed add constraint managed_kind_known
    check (kind in ('config', 'payload_spec', 'calendar', 'endpoint', 'job'));
alter table kronos.jobs add column calendars text[] not null default '{}';
alter table kronos.jobs add column on_blackout text not null default 'SKIP';
create index jobs_by_calendar on kronos.jobs using gin (calendars)
    where calendars <> '{}' and status in ('ACTIVE', 'PAUSED');
alter table kronos.pointers add column tick_at timestamptz;
