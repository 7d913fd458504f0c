alter table kronos.jobs add column search_text text;
-- contract: functions are replaced with it, and no statement of the release before names it.
drop index kronos.jobs_named;
create index jobs_named on kronos.jobs (workspace_id, trigger, status, created_at, job_id)
    include (name, title, description, endpoint_id)
    where search_text is null and (name is not null or title is not null or description is not null);
create index jobs_searched on kronos.jobs (workspace_id, trigger, status, created_at, job_id)
    include (search_text, endpoint_id)
    where search_text is not null;
