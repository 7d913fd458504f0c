alter table kronos.attempt
    add column endpoint_version integer;

alter table kronos.backfills
    add column include text[] not null default '{MISSED,SKIPPED,CANCELLED}',
    add column redriven integer not null default 0,
    add constraint backfills_in_workspace_key unique (workspace_id, backfill_id),
    add constraint backfills_include_known check (include <@ '{MISSED,SKIPPED,CANCELLED,FAILED}' and cardinality(include) > 0);

create table kronos.backfill_redriven (
    backfill_id   uuid  not null,
    workspace_id  uuid  not null,
    execution_id  uuid  not null,
    constraint backfill_redriven_pkey          primary key (backfill_id, execution_id),
    constraint backfill_redriven_backfill_fkey foreign key (workspace_id, backfill_id) references kronos.backfills (workspace_id, backfill_id) on delete cascade
);

alter table kronos.zones
    add column one_shots_from uuid;
