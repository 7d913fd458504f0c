-- pg_cron_silence: how long pg_cron has not rung an internal job. Silence begins, at the earliest, when
-- PostgreSQL started or the jobs were created. Instants more than 5 s ahead of the clock were written before
-- the clock was set back and do not prove that pg_cron rings: after that it counts as silent until the clock
-- has caught up. If there is no other evidence, the silence is as long as that will take.
-- Returns: never null, and above -5 s.
create or replace function kronos.pg_cron_silence() returns interval
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    with clock as materialized (      -- read once: a plan may run a subquery again for each piece of evidence
        select kronos.clock() as at
    )
    select coalesce(clock.at - max(evidence.at) filter (where evidence.at <= clock.at + interval '5 seconds'),
                    max(evidence.at) - clock.at)
      from clock
     cross join (select pg_postmaster_start_time()
                  union all
                 select beat.rang_at from kronos.heartbeats as beat where beat.rang_at > '-infinity'
                  union all
                 -- heartbeats has one row per internal job, kronos.jobs one for every job that ever existed.
                 -- The subquery forces a lookup by id, whatever the planner estimates.
                 select (select job.created_at from kronos.jobs as job where job.job_id = beat.job_id)
                   from kronos.heartbeats as beat) as evidence (at)
     group by clock.at
$$;
