drop index kronos.jobs_named;
create index jobs_named on kronos.jobs (workspace_id, trigger, status, created_at, job_id)
    include (name, title, description, endpoint_id)
    where name is not null or title is not null or description is not null;
