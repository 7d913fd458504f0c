create table kronos.job_tags (
    workspace_id  uuid        not null,
    tag           text        not null,
    trigger       text        not null,
    status        text        not null,
    created_at    timestamptz not null,
    job_id        uuid        not null,
    endpoint_id   uuid        not null,
    constraint job_tags_pkey primary key (workspace_id, tag, trigger, status, created_at, job_id) include (endpoint_id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.05);
alter table kronos.job_tags owner to kronos_owner;
insert into kronos.job_tags (workspace_id, tag, trigger, status, created_at, job_id, endpoint_id)
select distinct job.workspace_id, tag.name, job.trigger, job.status, job.created_at, job.job_id, job.endpoint_id
  from kronos.jobs as job
 cross join unnest(job.tags) as tag (name)
 where job.tags <> '{}' and char_length(tag.name) <= 64;
drop index kronos.jobs_by_tag;
create index jobs_named on kronos.jobs (workspace_id, trigger, status, created_at, job_id) include (name, title, endpoint_id)
    where name is not null or title is not null;
drop index kronos.jobs_by_name;
create index jobs_by_name on kronos.jobs (workspace_id, name, created_at desc, job_id) where name is not null;

-- It is not known in which of the weeks anything was made at another time than it is for: it may have been in each.
insert into kronos.history_weeks (workspace_id, subject_id, status, week, execution_id)
select distinct noted.workspace_id, noted.subject_id, 'ODD', noted.week, place.id
  from kronos.history_weeks as noted
 cross join (values ('00000000-0000-0000-0000-000000000000'::uuid), ('ffffffff-ffff-ffff-ffff-ffffffffffff')) as place (id)
    on conflict do nothing;
-- A week with one note had one execution of a status, this one; of those noted before nobody knows: two notes.
insert into kronos.history_weeks (workspace_id, subject_id, status, week, execution_id)
select min(noted.workspace_id::text)::uuid, noted.subject_id, noted.status, noted.week, '00000000-0000-0000-0000-000000000000'
  from kronos.history_weeks as noted
 group by noted.subject_id, noted.status, noted.week
having count(*) = 1
    on conflict do nothing;
