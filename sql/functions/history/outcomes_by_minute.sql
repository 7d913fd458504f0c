-- outcomes_by_minute: what became of a workspace's ticks of [p_from, p_to), by the minutes that they were
-- for. Of each minute of making and each status the first p_most executions are read, so it costs the same
-- however many there are. Rows that stand for many ticks are spread over the minutes that they stand for. What
-- was made before p_from (DELAYED jobs, mostly), or is for more than a week before it, is not looked for.
-- Returns: a row a minute and disposition; late: delivered, and begun more than the grace after its time.
-- is_cut: there may be more of them.   As the caller: row level security holds.
create or replace function kronos.outcomes_by_minute(p_workspace_id uuid, p_from timestamptz,
                                                     p_to timestamptz, p_most integer)
returns table (minute timestamptz, disposition text, ticks bigint, is_cut boolean)
language plpgsql stable rows 100 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    c_minute   constant interval := interval '1 minute';
    c_statuses constant text[]   := array['SUCCESS', 'FAILED', 'CANCELLED', 'SKIPPED', 'MISSED', 'EXPIRED'];
    v_first_id constant uuid     := kronos.uuid7_floor(p_from - interval '168 hours');
    v_end_id   constant uuid     := kronos.uuid7_floor(p_to + interval '1 hour');
begin
    return query
    with cell as materialized (
        select wanted.status, row.scheduled_at, row.tick_count,
               case when row.tick_count > 1 then kronos.time_of(row.status_reason ->> 'last') end as last_at,
               case row.status when 'SUCCESS'
                               then case when row.started_at > case when row.cause = 'CATCH_UP'
                                                                    then row.scheduled_at
                                                                    else row.run_at end + kronos.grace()
                                         then 'late' else 'delivered' end
                               else lower(row.status) end as became,
               count(*) over (partition by made.at, wanted.status) >= p_most as is_full
          from generate_series(p_from, kronos.now(), c_minute) as made (at)
         cross join unnest(c_statuses) as wanted (status)
         cross join lateral (select done.status, done.cause, done.scheduled_at, done.run_at, done.started_at,
                                    done.tick_count, done.status_reason
                               from kronos.execution_done as done
                              where done.workspace_id = p_workspace_id
                                and done.status = wanted.status
                                and done.created_at >= made.at and done.created_at < made.at + c_minute
                                and done.execution_id >= v_first_id and done.execution_id < v_end_id
                              order by done.created_at
                              limit p_most) as row
    ), told as (
        select cell.became, cell.is_full, cell.scheduled_at as at, cell.tick_count::numeric as ticks
          from cell
         where cell.last_at is null
         union all
        -- One share a tick, or, where they are closer, one a minute.
        select cell.became, cell.is_full, cell.scheduled_at + share.nth * each.step,
               cell.tick_count::numeric / each.shares
          from cell
         cross join lateral (select least(cell.tick_count,
                                          floor(extract(epoch from cell.last_at - cell.scheduled_at) / 60) + 1
                                    )::integer as shares) as counted
         cross join lateral (select counted.shares,
                                    (cell.last_at - cell.scheduled_at) / greatest(counted.shares - 1, 1)
                                        as step) as each
         cross join lateral generate_series(
                        case when cell.scheduled_at >= p_from or each.step <= interval '0' then 0
                             else ceil(extract(epoch from p_from - cell.scheduled_at)
                                       / extract(epoch from each.step))::integer end,
                        each.shares - 1) as share (nth)
         where cell.last_at is not null
    )
    select date_trunc('minute', told.at, 'UTC'), told.became, round(sum(told.ticks))::bigint,
           bool_or(told.is_full)
      from told
     where told.at >= p_from and told.at < p_to
     group by 1, 2;
end
$$;
