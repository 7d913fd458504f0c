create table kronos.dead_letters (
    execution_id      uuid        not null,
    workspace_id      uuid        not null,
    endpoint_id       uuid        not null,
    job_id            uuid        not null,
    first_version_id  uuid        not null,
    failed_at         timestamptz not null,
    error_type        text,
    message           text,
    constraint dead_letters_pkey primary key (execution_id)
);
create index dead_letters_newest on kronos.dead_letters (workspace_id, failed_at, execution_id);
create index dead_letters_by_error on kronos.dead_letters (workspace_id, error_type, failed_at, execution_id);
create index dead_letters_by_endpoint on kronos.dead_letters (endpoint_id, failed_at, execution_id);
create index dead_letters_by_endpoint_error
    on kronos.dead_letters (endpoint_id, error_type, failed_at, execution_id);
create index dead_letters_by_job on kronos.dead_letters (first_version_id, failed_at, execution_id);

create table kronos.operations (
    operation_id      uuid        not null default gen_random_uuid(),
    workspace_id      uuid        not null,
    kind              text        not null,
    status            text        not null default 'RUNNING',
    status_reason     jsonb,
    asked             jsonb       not null,
    which             jsonb       not null,
    endpoint_version  text        not null default 'latest',
    per_second        integer,
    total             integer     not null,
    done              integer     not null default 0,
    failed            integer     not null default 0,
    failures          jsonb       not null default '{}',
    position_at       timestamptz not null default '-infinity',
    position_id       uuid        not null default '00000000-0000-0000-0000-000000000000',
    next_at           timestamptz not null default now(),
    created_at        timestamptz not null default now(),
    completed_at      timestamptz,
    constraint operations_pkey             primary key (operation_id),
    constraint operations_in_workspace_key unique (workspace_id, operation_id),
    constraint operations_workspace_id_fkey foreign key (workspace_id)
        references kronos.workspaces (workspace_id),
    constraint operations_kind_known       check (kind in ('REDRIVE', 'DISCARD')),
    constraint operations_status_known     check (status in ('RUNNING', 'COMPLETED', 'CANCELLED', 'FAILED')),
    constraint operations_end_is_known     check ((status = 'RUNNING') = (completed_at is null)),
    constraint operations_reason_given
        check ((status in ('CANCELLED', 'FAILED')) = (status_reason is not null)),
    constraint operations_pace_bounded     check (per_second between 1 and 10000),
    constraint operations_version_known    check (endpoint_version in ('latest', 'same'))
) with (fillfactor = 50);
create index operations_running on kronos.operations (next_at) where status = 'RUNNING';
create index operations_newest on kronos.operations (workspace_id, created_at desc, operation_id desc);
create index operations_by_end on kronos.operations (completed_at) where completed_at is not null;
alter table kronos.dead_letters owner to kronos_owner;
alter table kronos.operations owner to kronos_owner;
alter table kronos.idempotency_keys drop constraint idempotency_keys_operation_known,
    add constraint idempotency_keys_operation_known check (operation in ('trigger', 'backfill', 'retry', 'endpoint', 'config', 'payload_spec', 'test', 'redrive',
                             'discard'));

-- What has failed so far, found by its status: while others go on, and then, with nothing else going on, what
-- has failed since. The triggers that note the rest come in the same transaction.
create function pg_temp.note(p_since timestamptz) returns void
language sql
as $$
    insert into kronos.dead_letters (execution_id, workspace_id, endpoint_id, job_id, first_version_id, failed_at,
                                     error_type, message)
    select done.execution_id, done.workspace_id, done.endpoint_id, done.job_id,
           coalesce(job.first_version_id, done.job_id), done.completed_at, left(done.error ->> 'type', 100),
           left(done.error ->> 'message', 300)
      from kronos.workspaces as workspace
     cross join lateral (select ended.*
                           from kronos.execution_done as ended
                          where ended.workspace_id = workspace.workspace_id
                            and ended.status = 'FAILED'
                            and ended.completed_at >= p_since) as done
      join kronos.endpoints as endpoint on endpoint.endpoint_id = done.endpoint_id and endpoint.type <> 'INTERNAL'
      left join kronos.jobs as job on job.job_id = done.job_id
        on conflict do nothing
$$;
select pg_temp.note('-infinity');
lock table kronos.execution_done in share row exclusive mode;
select pg_temp.note(now() - interval '1 minute');
drop function pg_temp.note(timestamptz);
