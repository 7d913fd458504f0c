create table kronos.pointers (
    job_id        uuid        not null,
    workspace_id  uuid        not null,
    next_tick_at  timestamptz not null,
    last_run_at   timestamptz,
    runs          integer     not null default 0,
    is_paused     boolean     not null default false,
    is_halted     boolean     not null default false,
    is_internal   boolean     not null default false,
    is_awaited    boolean     not null generated always as (not (is_paused or is_halted or is_internal)) stored,
    constraint pointers_pkey          primary key (job_id, next_tick_at),
    constraint pointers_job_fkey      foreign key (workspace_id, job_id) references kronos.jobs (workspace_id, job_id) on delete cascade
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
create index pointers_due on kronos.pointers (next_tick_at) where is_awaited;

create table kronos.pointers_floor (
    only_row    boolean     not null default true,
    lowest_at   timestamptz not null default '-infinity',
    checked_at  timestamptz not null default now(),
    constraint pointers_floor_pkey   primary key (only_row),
    constraint pointers_floor_is_one check (only_row)
);
insert into kronos.pointers_floor default values;

insert into kronos.pointers (job_id, workspace_id, next_tick_at, last_run_at, runs, is_paused, is_halted, is_internal)
select job.job_id, job.workspace_id, coalesce(job.next_tick_at, 'infinity'), job.last_run_at, job.runs, job.status = 'PAUSED', job.is_halted,
       endpoint.type = 'INTERNAL'
  from kronos.jobs as job
  join kronos.endpoints as endpoint using (endpoint_id)
 where job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED')
 order by job.next_tick_at;

drop index kronos.jobs_due;
alter table kronos.jobs drop column next_tick_at, drop column is_halted;
