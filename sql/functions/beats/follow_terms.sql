-- follow_terms: continues a heartbeat's pointer under new terms. Ticks whose time is over are accounted for
-- under the old terms. If the schedule or period changed, ticks that were still open are SKIPPED, and the
-- next tick is the first one after the change. The caller holds the lock on the pointer's row.
create or replace function kronos.follow_terms(p_old kronos.beats, p_new kronos.beats) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_now     constant timestamptz := p_new.updated_at;
    v_pointer kronos.beat_pointers;
begin
    select * into v_pointer from kronos.beat_pointers as pointer
     where pointer.heartbeat_id = p_old.heartbeat_id;
    if p_old.status = 'ACTIVE' then
        v_pointer := kronos.account_beat(p_old, v_pointer, v_now);
    end if;
    if (p_old.schedule, p_old.period_seconds) is distinct from (p_new.schedule, p_new.period_seconds) then
        v_pointer := kronos.close_open_ticks(
            p_old, v_pointer, v_now, case p_old.status when 'PAUSED' then 'paused' else 'changed' end);
        v_pointer.next_tick_at := kronos.beat_tick_after(p_new, v_now);
    end if;
    perform kronos.store_beat_pointer(kronos.awaiting_tick(p_new, v_pointer, v_pointer.next_tick_at));
end
$$;
