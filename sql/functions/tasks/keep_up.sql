-- keep_up: the task of the internal job catch-up, the safety net below pg_cron: ticks that no alarm accounted
-- for, missed or not, those of heartbeats, backfills and operations. Runs every minute.
-- Returns: counts, the execution's output.
create or replace function kronos.keep_up() returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_now        timestamptz := kronos.clock();
    v_delivered  integer     := kronos.account_all(v_now);
    v_backfilled integer     := kronos.advance_backfills(1000);
    v_overdue    bigint;
begin
    perform kronos.advance_operations(1000);
    perform kronos.change_jobs();
    select count(*) into v_overdue
      from kronos.pointers as pointer
     where pointer.is_awaited
       and pointer.next_tick_at >= (select floor.lowest_at from kronos.pointers_floor as floor)
       and pointer.next_tick_at < v_now - kronos.grace();
    perform kronos.raise_floor(kronos.clock(), true) where kronos.is_alone();
    -- last, and for one second: pings wait for the rows that it locks, for at most two seconds
    perform kronos.account_beats(1000);
    return jsonb_build_object('delivered', v_delivered, 'backfilled', v_backfilled, 'overdue', v_overdue);
end
$$;
