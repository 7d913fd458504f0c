-- begun_run: the run that a ping with a run id ends: when it reported its start, and the tick that this
-- counted for. If a run with the same id succeeded more than ten minutes ago, this is another run. Of a run
-- that pinged more than a thousand times, or took very long, retention may have deleted the start: its tick
-- is still RUNNING, and has both.
-- Returns: one row; nulls if it reported no start.
create or replace function kronos.begun_run(p_ping kronos.beat_pings, p_beat kronos.beats,
                                            out began_at timestamptz, out tick_at timestamptz)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    select began.at, began.tick_at into began_at, tick_at
      from kronos.beat_pings as began
     where began.heartbeat_id = p_beat.heartbeat_id and began.run_id = p_ping.run_id
       and began.kind = 'START'
       and not exists (select
                         from kronos.beat_pings as ended
                        where ended.heartbeat_id = p_beat.heartbeat_id and ended.run_id = p_ping.run_id
                          and ended.number > began.number and ended.kind = 'SUCCESS'
                          and ended.at < p_ping.at - interval '10 minutes')
     order by began.number desc
     limit 1;
    if not found then
        select run.started_at, run.tick_at into began_at, tick_at
          from kronos.beat_ticks as run
         where run.heartbeat_id = p_beat.heartbeat_id and run.status = 'RUNNING'
           and run.run_id = p_ping.run_id;
    end if;
end
$$;
