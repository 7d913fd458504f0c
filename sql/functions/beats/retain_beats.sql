-- retain_beats: what heartbeats said and what became of their ticks goes: ticks and pings at the age of
-- failures, and of each heartbeat's pings all but the newest thousand; up to p_limit of each. Gaps in which
-- none could be received go at the same age, and what is left of deleted heartbeats (delete_beats). A
-- heartbeat's rows go from the oldest on, some at a time.
-- Returns: one row of counts.
create or replace function kronos.retain_beats(p_limit integer, out pings bigint, out ticks bigint,
                                               out is_left boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
begin
    delete from kronos.beat_pings as ping
     where ping.ctid = any (array(
           select old.ctid
             from kronos.beat_pointers as pointer
            cross join kronos.retention as instance
             left join kronos.workspace_retention as own on own.workspace_id = pointer.workspace_id
            cross join lateral (select oldest.ctid, oldest.number, oldest.at
                                  from kronos.beat_pings as oldest
                                 where oldest.heartbeat_id = pointer.heartbeat_id
                                 order by oldest.number
                                 limit 2000) as old
            where old.number <= pointer.pings - 1000
               or old.at < kronos.now() - make_interval(days => coalesce(own.failure_days,
                                                                          instance.failure_days))
            limit p_limit));
    get diagnostics pings = row_count;
    delete from kronos.beat_ticks as tick
     where tick.ctid = any (array(
           select old.ctid
             from kronos.beat_pointers as pointer
            cross join kronos.retention as instance
             left join kronos.workspace_retention as own on own.workspace_id = pointer.workspace_id
            cross join lateral (select oldest.ctid
                                  from kronos.beat_ticks as oldest
                                 where oldest.heartbeat_id = pointer.heartbeat_id
                                   and oldest.tick_at
                                       < kronos.now() - make_interval(days => coalesce(own.failure_days,
                                                                                       instance.failure_days))
                                 order by oldest.tick_at
                                 limit 2000) as old
            limit p_limit));
    get diagnostics ticks = row_count;
    delete from kronos.ping_gaps as gap
     where gap.until_at < kronos.now() - (select make_interval(days => instance.failure_days)
                                            from kronos.retention as instance);
    is_left := kronos.delete_beats(null, p_limit) or greatest(pings, ticks) >= p_limit;
end
$$;
