-- beat_ticks_upto: the number of ticks that a heartbeat has from p_first, which is one, up to and including
-- p_upto; the last of them, and the first one after. Like count_ticks, but for periods too.
-- Returns: one row; 0, null, p_first if p_first is later than p_upto. following_tick: infinity if there is
-- none.
create or replace function kronos.beat_ticks_upto(p_beat kronos.beats, p_first timestamptz,
                                                  p_upto timestamptz, out ticks bigint,
                                                  out last_tick timestamptz, out following_tick timestamptz)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_period constant interval := make_interval(secs => p_beat.period_seconds);
begin
    if p_first > p_upto then
        ticks := 0;
        following_tick := p_first;
    elsif p_beat.period_seconds is not null then
        ticks := floor(extract(epoch from p_upto - p_first) / p_beat.period_seconds) + 1;
        last_tick := p_first + (ticks - 1) * v_period;
        following_tick := last_tick + v_period;
    else
        select counted.ticks, counted.last_tick, coalesce(counted.following_tick, 'infinity')
          into ticks, last_tick, following_tick
          from kronos.count_ticks(p_beat.schedule, p_first, p_upto) as counted;
    end if;
end
$$;
