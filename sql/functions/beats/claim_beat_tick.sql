-- claim_beat_tick: the tick that a ping without a run counts for: the newest tick that is still open or,
-- before it has come, the next one. One ping stands for all open ticks: the earlier ones are SKIPPED. If none
-- is open, it counts for the last tick, if that was not done (p_is_end: whatever its status). For a period it
-- is the last tick first, if that was not done, otherwise the next. The caller holds the lock on the
-- pointer's row, and writes the tick's row.
-- Returns: the pointer, moved; tick: null if the ping counts for none.
create or replace function kronos.claim_beat_tick(p_beat kronos.beats, p_now timestamptz, p_is_end boolean,
                                                  inout p_pointer kronos.beat_pointers,
                                                  out tick timestamptz)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_period constant boolean := p_beat.period_seconds is not null;
    v_last      text;
    v_open      record;
    v_before    record;
begin
    select last.status into v_last
      from kronos.beat_ticks as last
     where last.heartbeat_id = p_beat.heartbeat_id and last.tick_at = p_pointer.last_tick_at;
    if v_is_period and (v_last in ('MISSED', 'UNKNOWN', 'SKIPPED', 'FAILED')
                        or p_is_end and v_last = 'RUNNING') then
        tick := p_pointer.last_tick_at;
        p_pointer := kronos.awaiting_tick(p_beat, p_pointer, kronos.beat_tick_after(p_beat, p_now));
        return;
    end if;
    v_open := kronos.beat_ticks_upto(p_beat, p_pointer.next_tick_at,
                                     case when p_now >= p_pointer.opens_at
                                          then greatest(p_now, p_pointer.next_tick_at) else p_now end);
    if v_open.ticks = 0 then
        tick := case when p_is_end or v_last in ('MISSED', 'UNKNOWN', 'SKIPPED', 'FAILED')
                     then p_pointer.last_tick_at end;
        return;
    end if;
    if v_open.ticks > 1 then
        v_before := kronos.beat_ticks_upto(p_beat, p_pointer.next_tick_at,
                                           v_open.last_tick - interval '1 microsecond');
        insert into kronos.beat_ticks (heartbeat_id, tick_at, workspace_id, status, reason, tick_count,
                                       until_at, changed_at)
        values (p_beat.heartbeat_id, p_pointer.next_tick_at, p_beat.workspace_id, 'SKIPPED', 'superseded',
                v_before.ticks, v_before.last_tick, p_now)
            on conflict (heartbeat_id, tick_at) do nothing;
    end if;
    tick := v_open.last_tick;
    p_pointer := kronos.awaiting_tick(p_beat, p_pointer,
                                      case when v_is_period then kronos.beat_tick_after(p_beat, p_now)
                                           else v_open.following_tick end);
    p_pointer.last_tick_at := tick;
end
$$;
