-- Before the gates, so that nothing waits long for a lock that it needs last.
alter table kronos.workspaces
    add column max_concurrency integer,
    add constraint workspaces_limit_bounded check (max_concurrency between 1 and 100000);

alter table kronos.endpoint_gate
    add column rate_count integer,
    add column rate_seconds integer,
    add column rate_burst integer,
    add column rate_tokens double precision,
    add column rate_at timestamptz,
    add constraint endpoint_gate_rate_is_whole check ((rate_count is null) = (rate_seconds is null)
                                                  and (rate_count is null) = (rate_burst is null)),
    add constraint endpoint_gate_rate_bounded check (rate_count between 1 and 1000000
                                                 and rate_seconds between 1 and 86400
                                                 and rate_burst between 1 and 1000000);

create table kronos.workspace_gate (
    workspace_id  uuid     not null,
    in_flight     integer  not null default 0,
    constraint workspace_gate_pkey           primary key (workspace_id),
    constraint workspace_gate_workspace_fkey foreign key (workspace_id)
        references kronos.workspaces (workspace_id)
) with (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
alter table kronos.workspace_gate owner to kronos_owner;
