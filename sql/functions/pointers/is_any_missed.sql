-- is_any_missed: whether a job's due tick is older than the grace, so that catch_up has work. Jobs that have
-- just failed do not count, nor do internal jobs, which wait for their own alarms: an hourly one for an hour.
-- The search begins at the floor (kronos.pointers_floor). Below it are only entries of ticks that are
-- accounted for, which cannot be removed while another session reads in an old snapshot.
create or replace function kronos.is_any_missed(p_now timestamptz) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce((select true
                       from kronos.pointers as pointer
                      where pointer.is_awaited
                        and pointer.next_tick_at >= (select floor.lowest_at
                                                       from kronos.pointers_floor as floor)
                        and pointer.next_tick_at < p_now - kronos.grace()
                        and not kronos.has_just_failed(pointer, p_now)
                      order by pointer.next_tick_at      -- as in is_any_due
                      limit 1), false);
end
$$;
