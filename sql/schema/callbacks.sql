-- The endpoints and jobs that each version of a job with callbacks names: to find the jobs that call an
-- endpoint or a job, and to find out whether a run that has ended has callbacks. The columns on_success and
-- on_failure of kronos.jobs have the details. Maintained by note_callbacks.
create table kronos.job_callbacks (
    job_id            uuid  not null,
    event             text  not null,
    workspace_id      uuid  not null,
    endpoint_id       uuid,
    first_version_id  uuid,                      -- of the job that it runs
    constraint job_callbacks_pkey        primary key (job_id, event),
    constraint job_callbacks_event_known check (event in ('on_success', 'on_failure')),
    constraint job_callbacks_names_one   check (num_nonnulls(endpoint_id, first_version_id) = 1)
);
-- Serves delete_endpoint, and the names in its error.
create index job_callbacks_by_endpoint on kronos.job_callbacks (endpoint_id) where endpoint_id is not null;
-- Serves refuse_callers, and the length of chains.
create index job_callbacks_by_target on kronos.job_callbacks (first_version_id)
    where first_version_id is not null;

-- The executions that ended runs have triggered, and which run triggered which. A delivery to an endpoint is
-- created with its row, in the transaction that ends the run (call_back). If another session has the
-- endpoint's row locked, it stays due here until run_chained creates it. Runs of jobs are always created by
-- run_chained, which otherwise records why not.
create table kronos.callbacks (
    execution_id      uuid        not null,      -- tick_id of the run and the time of its end
    workspace_id      uuid        not null,
    caused_by         uuid        not null,      -- the run that ended
    caused_by_job_id  uuid        not null,
    event             text        not null,
    depth             smallint    not null,      -- how many runs came before it in its chain
    endpoint_id       uuid,
    first_version_id  uuid,                      -- of the job that it is to run
    input             jsonb,                     -- of an execution still to be created; null: the job's own
    due_at            timestamptz,               -- when the creation is tried next
    constraint callbacks_pkey        primary key (execution_id),
    constraint callbacks_event_known check (event in ('on_success', 'on_failure')),
    constraint callbacks_names_one   check (num_nonnulls(endpoint_id, first_version_id) = 1),
    constraint callbacks_depth_positive check (depth > 0)
);
-- Serves links_of.
create index callbacks_by_cause on kronos.callbacks (caused_by);
-- Serves run_chained.
create index callbacks_due on kronos.callbacks (due_at) where due_at is not null;
