alter table kronos.endpoints add column on_disabled text not null default 'WAIT',
    add constraint endpoints_on_disabled_known check (on_disabled in ('WAIT', 'SKIP'));
alter table kronos.endpoint_gate add column trial_seconds integer,
    add constraint endpoint_gate_trial_not_negative check (trial_seconds >= 0);
create table kronos.endpoint_health (
    endpoint_id     uuid        not null,
    workspace_id    uuid        not null,
    state           text        not null default 'ACTIVE',
    since           timestamptz not null default now(),
    reason          jsonb,
    is_watched      boolean     not null default false,
    failures        integer     not null default 0,
    failing_since   timestamptz,
    last_failure_at timestamptz,
    last_success_at timestamptz,
    constraint endpoint_health_pkey           primary key (endpoint_id),
    constraint endpoint_health_endpoint_fkey  foreign key (workspace_id, endpoint_id)
        references kronos.endpoints (workspace_id, endpoint_id),
    constraint endpoint_health_state_known    check (state in ('ACTIVE', 'SLOWED', 'DISABLED')),
    constraint endpoint_health_reason_given   check ((state = 'ACTIVE') = (reason is null)),
    constraint endpoint_health_streak_is_whole check ((failures > 0) = (failing_since is not null)),
    constraint endpoint_health_streak_is_watched check (is_watched or failures = 0)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
create index endpoint_health_watched on kronos.endpoint_health (endpoint_id) where is_watched;
create index endpoint_health_kept_off on kronos.endpoint_health (endpoint_id) where state <> 'ACTIVE';
alter table kronos.endpoint_health owner to kronos_owner;
