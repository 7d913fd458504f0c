-- follow_rules: stores the pointers of heartbeats of a time zone whose rules have changed (pointer_by_rules),
-- up to p_limit of them, in random order, until p_until but at least one. Those that it does not reach, or
-- that another session has locked, follow by themselves when they are pinged or due; until then they show the
-- tick of the previous rules. One that cannot be moved, because its row was edited by hand, stops no other,
-- nor the jobs of its zone.
-- Returns: how many pointers moved.
create or replace function kronos.follow_rules(p_timezone text, p_limit integer,
                                               p_until timestamptz default 'infinity')
returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_pointer kronos.beat_pointers;
    v_placed  kronos.beat_pointers;
    v_beat    kronos.beats;
    v_tried   integer := 0;
    v_moved   integer := 0;
begin
    for v_pointer in
        select pointer.*
          from kronos.beat_pointers as pointer
         where pointer.heartbeat_id = any (array(select beat.heartbeat_id
                                                   from kronos.beats as beat
                                                  where beat.timezone = p_timezone
                                                    and beat.deleted_at is null and beat.status = 'ACTIVE'
                                                    and beat.period_seconds is null
                                                  order by random()
                                                  limit p_limit))
         order by pointer.heartbeat_id
           for update skip locked
    loop
        exit when v_tried > 0 and kronos.clock() >= p_until;
        v_tried := v_tried + 1;
        select * into v_beat from kronos.beats as beat where beat.heartbeat_id = v_pointer.heartbeat_id;
        begin
            v_placed := kronos.pointer_by_rules(v_beat, v_pointer);
            if v_placed is distinct from v_pointer then
                perform kronos.store_beat_pointer(v_placed);
                v_moved := v_moved + 1;
            end if;
        exception when others then
            raise warning 'kronos: the heartbeat % cannot follow its time zone''s rules: % (%)',
                          v_beat.heartbeat_id, sqlerrm, sqlstate;
            exit when kronos.is_shortage(sqlstate);
        end;
    end loop;
    return v_moved;
end
$$;
