-- run_delay: how long after its tick a job's delivery may begin: its offset, which a load plan chose within
-- its spread, plus its jitter. The delay always ends before the next tick. The tick's own time and its
-- execution's id do not change.
create or replace function kronos.run_delay(p_job kronos.jobs, p_until_next interval) returns interval
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select least(p_job.offset_seconds * interval '1 second'
                 + kronos.jitter(p_job.first_version_id, p_job.jitter_seconds, p_until_next),
                 coalesce(p_until_next, interval '2 hours') - interval '1 second')
$$;
