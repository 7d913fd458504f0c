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

-- Of those that there are, the index of odd ones knows which they are: while others go on, and then, with
-- nothing finishing, what has finished since. The trigger that notes the rest comes in the same transaction.
create function pg_temp.note_odd() returns void
language sql set enable_seqscan = off
as $$
    insert into kronos.history_weeks (workspace_id, subject_id, status, week, execution_id)
    select odd.workspace_id, odd.subject_id, 'ODD', odd.week, odd.execution_id
      from (select done.workspace_id, subject.subject_id, id.week, done.execution_id,
                   row_number() over (partition by subject.subject_id, id.week
                                          order by done.execution_id) as nth
              from kronos.workspaces as workspace
              join kronos.execution_done as done on done.workspace_id = workspace.workspace_id
             cross join lateral (select date_trunc('week', timestamp '1970-01-01 00:00:00'
                                                 + ('x' || left(replace(done.execution_id::text, '-', ''), 12))::bit(48)::bigint
                                                   * interval '1 millisecond')::date as week) as id
             cross join lateral (values (done.workspace_id),
                                        (case when done.cause <> 'API'             then done.job_id
                                              when done.job_id = done.execution_id then done.endpoint_id
                                         end)) as subject (subject_id)
             where subject.subject_id is not null
               and case when done.created_at between '0001-01-01 00:00:00+00' and '9999-12-31 00:00:00+00'
                         and done.scheduled_at between '0001-01-01 00:00:00+00' and '9999-12-31 00:00:00+00'
                    then (done.created_at - done.scheduled_at) not between interval '-1 hour'
                                                                       and interval '1 hour'
                    else true
                  end) as odd
     where odd.nth <= 2
        on conflict do nothing
$$;
select pg_temp.note_odd();
lock table kronos.execution_done in share row exclusive mode;
select pg_temp.note_odd();
drop function pg_temp.note_odd();
-- A week with one note had one execution of a status, this one; of those noted before nobody knows: two notes.
insert into kronos.history_weeks (workspace_id, subject_id, status, week, execution_id)
select min(noted.workspace_id::text)::uuid, noted.subject_id, noted.status, noted.week, '00000000-0000-0000-0000-000000000000'
  from kronos.history_weeks as noted
 where noted.status <> 'ODD'
 group by noted.subject_id, noted.status, noted.week
having count(*) = 1
    on conflict do nothing;
