-- lower_floor: make sure that a tick that is awaited from now on is not below the floor
-- (kronos.pointers_floor), no matter which session writes it: the pointer is new, was set back, or is no
-- longer halted or paused. A pointer that moves forward needs nothing: until that is committed, all sessions
-- see it at its old place.
-- Locks: a shared lock until the transaction ends, so that raise_floor, which cannot see this row yet, either
-- has ended or does not begin meanwhile. A separate statement then reads the floor as it is now. In a
-- transaction that sees only the data of its beginning, it locks the floor's row, which fails (40001) if the
-- floor has moved since.
-- The floor is lowered to ten minutes ago if that is low enough, so that many such ticks, for example after
-- clocks were set back, do not all wait for one row.
-- A second pointer of a job is rejected. Uses keys only, because a plan that was made while there were few
-- pointers is kept when thousands are added. Runs as the owner.
create or replace function kronos.lower_floor() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
    v_is_locked boolean;
    v_is_second boolean;
    v_is_below  boolean;
begin
    if new.is_awaited then
        -- an expression, so it costs no statement
        v_is_locked := pg_advisory_xact_lock_shared(hashtext('kronos.pointers_floor')) is not null;
        if current_setting('transaction_isolation') in ('repeatable read', 'serializable') then
            perform from kronos.pointers_floor for update;
        end if;
    end if;
    select tg_op = 'INSERT' and exists (select from kronos.pointers
                                         where job_id = new.job_id and next_tick_at <> new.next_tick_at),
           v_is_locked
               and exists (select from kronos.pointers_floor where only_row and lowest_at > new.next_tick_at)
      into v_is_second, v_is_below;
    if v_is_second then
        raise exception 'job % already has a pointer', new.job_id using
            errcode = 'unique_violation',
            schema = 'kronos',
            table = 'pointers';
    end if;
    if v_is_below then
        update kronos.pointers_floor
           set lowest_at = least(new.next_tick_at, kronos.clock() - interval '10 minutes')
         where lowest_at > new.next_tick_at;
    end if;
    return null;
end
$$;
create or replace trigger pointers_begin_above_floor
    after insert on kronos.pointers
    for each row execute function kronos.lower_floor();
create or replace trigger pointers_stay_above_floor
    after update on kronos.pointers
    for each row when (
        new.is_awaited and (not old.is_awaited or new.next_tick_at < old.next_tick_at)
    ) execute function kronos.lower_floor();
