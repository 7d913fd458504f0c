-- judge_closed_ticks: judge_ticks for a job with calendars (closed_verdicts). Its rows are those of
-- due_ticks, with these differences:
-- - There may be several MISSED and SKIPPED rows, each for consecutive ticks.
-- - The reason of a DELIVER row that runs on another day has due_at.
-- - The reason of NEXT has tick_at if the new pointer's tick differs from the instant at which it is due.
create or replace function kronos.judge_closed_ticks(p_job kronos.jobs, p_pointer kronos.pointers,
                                                     p_now timestamptz)
returns table (kind text, scheduled_at timestamptz, run_at timestamptz, cause text, tick_count integer,
               reason jsonb, is_held boolean)
language plpgsql stable rows 2 set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
begin
    return query
        with told as materialized (
            select * from kronos.closed_verdicts(p_job, p_pointer, p_now)
        ), numbered as (
            select told.*,
                   told.nth - row_number() over (partition by told.fate, told.reason order by told.nth)
                       as island      -- equal for consecutive ticks with the same reason
              from told
             where told.fate in ('MISSED', 'SKIPPED')
        ), island as (
            select numbered.fate, numbered.reason, min(numbered.tick) as first_tick,
                   max(numbered.tick) as last_tick, count(*) as ticks
              from numbered
             group by numbered.fate, numbered.reason, numbered.island
        ), row as (
            select island.fate as kind, island.first_tick as tick, island.first_tick as run_at,
                   'SCHEDULE' as cause, island.ticks,
                   case when island.fate = 'MISSED'
                        then kronos.missed_reason(p_job, island.first_tick, island.last_tick, island.ticks)
                        else island.reason || jsonb_build_object('first', island.first_tick,
                                                                 'last', island.last_tick,
                                                                 'count', island.ticks) end as reason
              from island
            union all
            select 'DELIVER', told.tick,
                   case when not told.is_late
                        then told.due_at + kronos.run_delay(p_job, told.until_next) end,
                   case when told.is_late then 'CATCH_UP' else 'SCHEDULE' end, 1,
                   case when told.due_at <> told.tick then jsonb_build_object('due_at', told.due_at) end
              from told
             where told.fate = 'DELIVER'
            union all
            select 'NEXT', (array_agg(told.due_at order by told.tick) filter (where told.fate = 'LEFT'))[1],
                   max(told.tick) filter (where told.fate = 'DELIVER'), null,
                   count(*) filter (where told.fate = 'DELIVER'),
                   (array_agg(case when told.due_at <> told.tick
                                   then jsonb_build_object('tick_at', told.tick) end order by told.tick)
                        filter (where told.fate = 'LEFT'))[1]
              from told
        )
        select row.kind, row.tick, row.run_at, row.cause, row.ticks::integer, row.reason, false
          from row
         order by row.kind = 'NEXT', row.tick;
end
$$;
