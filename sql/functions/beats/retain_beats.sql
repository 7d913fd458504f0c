-- retain_beats: deletes old records of heartbeats: ticks and pings at the age of failures, and all but the
-- newest thousand pings of each heartbeat; up to p_limit of each. A tick whose run is in progress stays, so
-- that the run's end is counted for it, however long it takes. Gaps in which no ping could be received are
-- deleted at the same age, and so is what is left of deleted heartbeats (delete_beats).
-- A heartbeat's rows are deleted from the oldest on, some at a time; for a heartbeat with nothing to delete,
-- only the oldest row is read. Locked rows are left for the next call: it waits for no lock.
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
            cross join lateral (select oldest.number, oldest.at
                                  from kronos.beat_pings as oldest
                                 where oldest.heartbeat_id = pointer.heartbeat_id
                                 order by oldest.number
                                 limit 1) as first
            cross join lateral kronos.failures_until(pointer.workspace_id) as aged
            cross join lateral (select oldest.ctid
                                  from kronos.beat_pings as oldest
                                 where oldest.heartbeat_id = pointer.heartbeat_id
                                   and (oldest.number <= pointer.pings - 1000 or oldest.at < aged)
                                 order by oldest.number
                                 limit 2000
                                   for update skip locked) as old
            where first.number <= pointer.pings - 1000 or first.at < aged
            limit p_limit));
    get diagnostics pings = row_count;
    delete from kronos.beat_ticks as tick
     where tick.ctid = any (array(
           select old.ctid
             from kronos.beat_pointers as pointer
            cross join lateral kronos.failures_until(pointer.workspace_id) as aged
            cross join lateral (select oldest.ctid
                                  from kronos.beat_ticks as oldest
                                 where oldest.heartbeat_id = pointer.heartbeat_id
                                   and oldest.tick_at < aged
                                   and oldest.status <> 'RUNNING'
                                 order by oldest.tick_at
                                 limit 2000
                                   for update skip locked) as old
            limit p_limit));
    get diagnostics ticks = row_count;
    delete from kronos.ping_gaps as gap
     where gap.from_at = any (array(
           select old.from_at
             from kronos.ping_gaps as old
            where old.until_at < kronos.now() - (select make_interval(days => instance.failure_days)
                                                   from kronos.retention as instance)
              for update skip locked));
    is_left := kronos.delete_beats(null, p_limit) or greatest(pings, ticks) >= p_limit;
end
$$;
