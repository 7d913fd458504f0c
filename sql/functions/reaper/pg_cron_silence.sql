-- pg_cron_silence: how long pg_cron has not rung an internal job. Silence begins, at the earliest, when PostgreSQL started or the jobs were made.
-- Called by: pg_cron_health, ring_if_silent.
create or replace function kronos.pg_cron_silence() returns interval
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    select clock_timestamp() - greatest(pg_postmaster_start_time(),
                                        (select max(beat.rang_at) from kronos.heartbeats as beat),
                                        (select max(job.created_at)
                                           from kronos.jobs as job
                                           join kronos.endpoints as endpoint using (endpoint_id)
                                          where endpoint.type = 'INTERNAL'))
$$;
