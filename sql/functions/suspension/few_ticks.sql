-- few_ticks: the first of the jobs, in the given order, that together have at most p_at_most ticks up to
-- p_upto that may be delivered; always at least one job. For jobs with calendars each tick is computed, and
-- counts twice, as in catch_up. This bounds one step. The default of p_at_most is as many as ticks_at_most
-- counts for one job.
create or replace function kronos.few_ticks(p_job_ids uuid[], p_upto timestamptz,
                                            p_at_most integer default 10000)
returns uuid[]
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select coalesce(array_agg(summed.job_id order by summed.nth), '{}')
      from (select asked.job_id, asked.nth,
                   sum(case when job.calendars <> '{}'
                             and pointer.next_tick_at <= p_upto
                             and not pointer.is_halted
                            then 2 * kronos.ticks_at_most(job.schedule,
                                                          p_upto - kronos.finite(pointer.next_tick_at))
                            when job.catch_up_policy = 'ALL'
                             and pointer.next_tick_at <= p_upto
                             and not pointer.is_halted
                            then kronos.ticks_at_most(job.schedule, least(
                                                          p_upto - kronos.finite(pointer.next_tick_at),
                                                          make_interval(secs => job.catch_up_window_seconds)
                                                      ))
                            else 2 end) over (order by asked.nth) as ticks
              from unnest(p_job_ids) with ordinality as asked (job_id, nth)
              left join kronos.jobs as job using (job_id)
              left join lateral kronos.pointer_of(job.job_id) as pointer on true) as summed
     where summed.ticks <= p_at_most
        or summed.nth = 1
$$;
