drop index kronos.execution_done_by_job;
drop index kronos.execution_done_newest;
drop index kronos.execution_done_by_backfill;
create index execution_done_by_job on kronos.execution_done (job_id, status, created_at);
create index execution_done_newest on kronos.execution_done (workspace_id, status, created_at);
create index execution_done_odd on kronos.execution_done (workspace_id, created_at)
    where case when created_at between '0001-01-01 00:00:00+00' and '9999-12-31 00:00:00+00'
                 and scheduled_at between '0001-01-01 00:00:00+00' and '9999-12-31 00:00:00+00'
            then (created_at - scheduled_at) not between interval '-1 hour' and interval '1 hour'
            else true      -- an infinite instant has no distance
          end;

create table kronos.late_days (
    workspace_id  uuid  not null,
    id_day        date  not null,
    created_day   date  not null,
    constraint late_days_pkey primary key (workspace_id, created_day, id_day)
);
insert into kronos.late_days (workspace_id, id_day, created_day)
select distinct late.workspace_id, (late.id_at at time zone 'UTC')::date, (late.created_at at time zone 'UTC')::date
  from (select done.workspace_id, done.created_at,
               timestamptz '1970-01-01 00:00:00+00'
               + ('x' || left(replace(done.execution_id::text, '-', ''), 12))::bit(48)::bigint * interval '1 millisecond' as id_at
          from kronos.execution_done as done) as late
 where late.created_at not between late.id_at - interval '1 hour' and late.id_at + interval '1 hour';

drop index kronos.jobs_newest;
drop index kronos.jobs_by_endpoint;
drop index kronos.jobs_by_name;
create index jobs_newest on kronos.jobs (workspace_id, trigger, status, created_at, job_id);
create index jobs_by_endpoint on kronos.jobs (endpoint_id, trigger, status, created_at, job_id);
create index jobs_by_name on kronos.jobs (workspace_id, name, created_at desc, job_id) where name is not null;
create index jobs_by_tag on kronos.jobs using gin (tags) where tags <> '{}';
create index jobs_live_cron on kronos.jobs (job_id) where trigger = 'CRON' and status in ('ACTIVE', 'PAUSED');
