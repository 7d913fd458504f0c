-- closed_verdicts: what becomes of each of a job's closed_ticks, by its policies. Late is what is accounted
-- for later than the grace after it was due, which is when it was to run.
-- Returns: fate DELIVER, MISSED, SKIPPED with the reason, or LEFT: of those that are not due, or that
-- max_runs has no room for, which stay due, in case a run before is not one after all.
create or replace function kronos.closed_verdicts(p_job kronos.jobs, p_pointer kronos.pointers,
                                                  p_now timestamptz)
returns table (tick timestamptz, due_at timestamptz, nth bigint, fate text, is_late boolean,
               until_next interval, reason jsonb)
language plpgsql stable rows 10 set search_path = pg_catalog, pg_temp
as $$
declare
    c_window constant interval := make_interval(secs => p_job.catch_up_window_seconds);
begin
    return query
        with listed as materialized (
            select each.*, each.due_at < p_now - kronos.grace() as is_late,
                   lead(each.tick) over (order by each.tick) - each.tick as until_next,
                   count(*) filter (where each.kind <> 'SKIPPED' and each.due_at <= p_now)
                       over (order by each.tick desc) as runs_from_here
              from kronos.closed_ticks(p_job, p_pointer, p_now) as each
        ), judged as materialized (
            select listed.*, row_number() over (order by listed.tick) as nth,
                   case when listed.kind = 'DELIVER' and listed.is_late
                         and (p_job.catch_up_policy = 'SKIP' or listed.due_at < p_now - c_window
                              or (p_job.catch_up_policy = 'LATEST' and listed.runs_from_here > 1))
                        then 'MISSED' else listed.kind end as became
              from listed
        ), counted as (
            select judged.*,
                   count(*) filter (where judged.became = 'DELIVER') over (order by judged.tick) as nth_run
              from judged
        )
        select counted.tick, counted.due_at, counted.nth,
               case when counted.became = 'LEFT'
                      or counted.nth_run > p_job.skip_next::bigint + p_job.max_runs - p_pointer.runs
                    then 'LEFT'
                    when counted.became = 'DELIVER' and counted.nth_run <= p_job.skip_next then 'SKIPPED'
                    else counted.became end,
               counted.is_late, counted.until_next,
               case when counted.became = 'DELIVER' and counted.nth_run <= p_job.skip_next
                    then jsonb_build_object('code', 'skip_next',
                                            'detail', 'one of the next ticks that were to be skipped',
                                            'skip_next', p_job.skip_next)
                    else counted.reason end
          from counted
         order by counted.tick;
end
$$;
