-- pg_cron_health: the facts for readiness: the extension, the internal jobs' entries, how long pg_cron has
-- been silent and, if it is, whether its log says that it cannot ring. The log is read only when a minute's
-- ring is overdue or nothing has rung yet.
-- Returns: one row. alarm_failure: why the newest alarms fail; null if they did not, or if pg_cron keeps no
-- log.
create or replace function kronos.pg_cron_health()
returns table (extension_version text, internal_jobs integer, internal_entries integer,
               silent_seconds double precision, alarm_failure text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    extension_version := (select extversion from pg_extension where extname = 'pg_cron');
    -- heartbeats has one row per internal job, kronos.jobs one for every job that ever existed. The subquery
    -- forces a lookup by id, whatever the planner estimates.
    select count(*), count(*) filter (where kronos.pg_cron_entry(active.job_id) is not null)
      into internal_jobs, internal_entries
      from (select (select job.job_id
                      from kronos.jobs as job
                     where job.job_id = beat.job_id and job.status = 'ACTIVE') as job_id
              from kronos.heartbeats as beat) as active
     where active.job_id is not null;
    silent_seconds := extract(epoch from kronos.pg_cron_silence());
    if silent_seconds > 61
    or not exists (select from kronos.heartbeats as beat where beat.rang_at > '-infinity') then
        alarm_failure :=
            (select newest.message from kronos.pg_cron_failure(30) as newest where newest.is_newest);
    end if;
    return next;
end
$$;
