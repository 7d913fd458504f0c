-- outcomes_by_minute: the outcomes of a workspace's ticks in [p_from, p_to), by the minute of the tick. If
-- each status has at most p_most executions, all are counted; otherwise an even share of p_most for each
-- minute of creation and each status. So the cost does not depend on their number. Executions created before
-- p_from (mostly DELAYED jobs), or scheduled more than a week before it, are not found.
-- Returns: one row per minute and disposition (outcomes_made). is_cut: there are more of them. Runs as the
-- caller: row level security applies.
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
    v_is_cut   constant boolean  := exists (
        select from unnest(c_statuses) as wanted (status)
         cross join lateral (select from kronos.execution_done as done
                              where done.workspace_id = p_workspace_id and done.status = wanted.status
                                and done.created_at >= p_from and done.created_at < p_to
                                and done.execution_id >= v_first_id and done.execution_id < v_end_id
                             offset p_most limit 1) as beyond);
begin
    return query
        select date_trunc('minute', made.at, 'UTC'), made.disposition, round(sum(made.ticks))::bigint,
               bool_or(made.is_full) and v_is_cut
          from kronos.outcomes_made(p_workspace_id, p_from, p_to,
                                    case when v_is_cut then c_minute else p_to - p_from end,
                                    case when v_is_cut
                                         then greatest(p_most * 60
                                                       / extract(epoch from p_to - p_from)::integer, 1)
                                         else p_most end) as made
         where made.at >= p_from and made.at < p_to and made.ticks > 0
         group by 1, 2;
end
$$;
