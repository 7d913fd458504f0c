alter table kronos.jobs
    add column on_success jsonb,
    add column on_failure jsonb;

create table kronos.job_callbacks (
    job_id            uuid  not null,
    event             text  not null,
    workspace_id      uuid  not null,
    endpoint_id       uuid,
    first_version_id  uuid,
    constraint job_callbacks_pkey        primary key (job_id, event),
    constraint job_callbacks_event_known check (event in ('on_success', 'on_failure')),
    constraint job_callbacks_names_one   check (num_nonnulls(endpoint_id, first_version_id) = 1)
);
create index job_callbacks_by_endpoint on kronos.job_callbacks (endpoint_id) where endpoint_id is not null;
create index job_callbacks_by_target on kronos.job_callbacks (first_version_id) where first_version_id is not null;

create table kronos.callbacks (
    execution_id      uuid        not null,
    workspace_id      uuid        not null,
    caused_by         uuid        not null,
    caused_by_job_id  uuid        not null,
    event             text        not null,
    depth             smallint    not null,
    endpoint_id       uuid,
    first_version_id  uuid,
    input             jsonb,
    due_at            timestamptz,
    constraint callbacks_pkey        primary key (execution_id),
    constraint callbacks_event_known check (event in ('on_success', 'on_failure')),
    constraint callbacks_names_one   check (num_nonnulls(endpoint_id, first_version_id) = 1),
    constraint callbacks_depth_positive check (depth > 0),
    constraint callbacks_only_jobs_wait check (due_at is null or first_version_id is not null)
);
create index callbacks_by_cause on kronos.callbacks (caused_by);
create index callbacks_due on kronos.callbacks (due_at) where due_at is not null;
alter table kronos.job_callbacks owner to kronos_owner;
alter table kronos.callbacks owner to kronos_owner;
