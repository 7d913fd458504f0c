-- raise_floor: move the floor of the pointers up to the oldest awaited tick, but no further than two minutes
-- before the ticks that are on time, so that new jobs never meet it. Runs about once a minute, no matter
-- which session rings, as the last step of a ring. While its transaction lasts no pointer can be added, so it
-- is not called where a person may hold the transaction open by hand (is_alone).
-- A floor that is too high would lose a tick forever. So it is raised only while no session is adding a
-- pointer (the lock of lower_floor; otherwise the next ring tries again), and by the result of a statement
-- that begins after that lock is taken. A floor that is too low only costs pages.
-- p_looks_at_all: check all pointers, which also happens once an hour. Only a bug in Kronos, or disabled
-- triggers, could leave a pointer below the floor. The floor is then lowered to it, with a warning in the
-- server's log.
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
    -- A transaction that sees only the data of its beginning cannot know the present state.
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
