-- pg_cron_silence: how long pg_cron has not rung an internal job. Silence begins, at the earliest, when
-- PostgreSQL started or the jobs were made. What lies ahead of the clock by more than 5 s was written before
-- the clock was set back, and is no evidence of a pg_cron that rings: set back, it is silent until the clock
-- has caught up. Where there is no other evidence, the silence is as long as that will take.
-- Returns: never null, and above -5 s.
create or replace function kronos.pg_cron_silence() returns interval
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    with clock as materialized (      -- read once: a plan may ask a subquery again for each piece of evidence
        select kronos.clock() as at
    )
    select coalesce(clock.at - max(evidence.at) filter (where evidence.at <= clock.at + interval '5 seconds'),
                    max(evidence.at) - clock.at)
      from clock
     cross join (select pg_postmaster_start_time()
                  union all
                 select beat.rang_at from kronos.heartbeats as beat where beat.rang_at > '-infinity'
                  union all
                 -- heartbeats has a row an internal job, kronos.jobs as many as there ever were: by id,
                 -- whatever the planner thinks of their numbers
                 select (select job.created_at from kronos.jobs as job where job.job_id = beat.job_id)
                   from kronos.heartbeats as beat) as evidence (at)
     group by clock.at
$$;
