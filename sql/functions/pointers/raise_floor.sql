-- raise_floor: moves the floor of the pointers on to the oldest tick that is awaited, and no further than two
-- minutes before what is on time: so new jobs never meet it. About once a minute, no matter who rings; the
-- last thing that a ring does, for while its transaction lasts no pointer can be added: so not where a person
-- may hold it open by hand (is_alone).
-- A floor that is too high would lose a tick for ever, so it is raised only where nobody is adding a pointer
-- (lower_floor's lock; where one is, the next ring tries again), and by what a statement sees that
-- begins after that lock. A floor that is too low costs pages, and nothing else.
-- p_looks_at_all: and once an hour, all pointers are looked at. One below the floor would be there only by a
-- fault of ours, or where triggers were switched off; the floor goes down to it, and the server's log
-- says so.
create or replace function kronos.raise_floor(p_now timestamptz, p_looks_at_all boolean default false)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_bitmapscan = off set enable_seqscan = off set jit = off
as $$
declare
    c_least constant interval := interval '1 minute';
    v_bound constant timestamptz := p_now - kronos.grace() - interval '2 minutes';
    v_floor kronos.pointers_floor;
    v_looks_at_all boolean;
    v_oldest timestamptz;
begin
    select * into v_floor from kronos.pointers_floor;
    v_looks_at_all := p_looks_at_all and v_floor.checked_at not between p_now - interval '1 hour' and p_now;
    if not v_looks_at_all and v_floor.lowest_at > v_bound - c_least then
        return;
    end if;
    -- A transaction that sees the past as it was at its beginning cannot know what is there now.
    if current_setting('transaction_isolation') in ('repeatable read', 'serializable')
       or not pg_try_advisory_xact_lock(hashtext('kronos.pointers_floor')) then
        return;
    end if;
    select * into v_floor from kronos.pointers_floor;
    v_oldest := (select pointer.next_tick_at
                   from kronos.pointers as pointer
                  where pointer.is_awaited
                    and pointer.next_tick_at >= case when v_looks_at_all then '-infinity'
                                                     else v_floor.lowest_at end
                    and pointer.next_tick_at < v_bound
                  order by pointer.next_tick_at
                  limit 1);
    if v_oldest < v_floor.lowest_at then
        raise warning 'kronos: a pointer at % was below the floor of %: its tick would not have been '
                      'found; the floor is lowered', v_oldest, v_floor.lowest_at;
    end if;
    update kronos.pointers_floor
       set lowest_at  = case when v_oldest < v_floor.lowest_at then v_oldest
                             else greatest(v_floor.lowest_at, coalesce(v_oldest, v_bound)) end,
           checked_at = case when v_looks_at_all then p_now else v_floor.checked_at end;
end
$$;
