-- closed_verdicts: applies a job's policies to each of its closed_ticks. A tick is late if it is accounted
-- for after the grace; the grace starts when the tick is due, which is when it was to run.
-- Returns: the fate of each tick: DELIVER, MISSED, SKIPPED with its reason, or LEFT. LEFT is a tick that is
-- not due, or that max_runs leaves no room for. The latter stays due, in case an earlier run turns out not to
-- count.
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
