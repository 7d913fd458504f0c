alter table kronos.jobs add column spread text;
alter table kronos.jobs add column offset_seconds integer not null default 0;
create index jobs_that_spread on kronos.jobs (workspace_id, job_id)
    where spread is not null and status in ('ACTIVE', 'PAUSED');
