-- pg_cron_health: what readiness is judged by: the extension, the internal jobs' entries, and how long pg_cron has been silent.
-- Called by: queries/system.sql.   Returns: one row.
create or replace function kronos.pg_cron_health()
returns table (extension_version text, internal_jobs integer, internal_entries integer, silent_seconds double precision)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    extension_version := (select extversion from pg_extension where extname = 'pg_cron');
    -- heartbeats has a row an internal job, kronos.jobs as many as there ever were: by id, whatever the planner thinks of their numbers
    select count(*), count(*) filter (where kronos.pg_cron_entry(active.job_id) is not null) into internal_jobs, internal_entries
      from (select (select job.job_id from kronos.jobs as job where job.job_id = beat.job_id and job.status = 'ACTIVE') as job_id
              from kronos.heartbeats as beat) as active
     where active.job_id is not null;
    silent_seconds := extract(epoch from kronos.pg_cron_silence());
    return next;
end
$$;
