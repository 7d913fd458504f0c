-- lower_floor: a tick that is awaited from now on, by a pointer that is new, was set back, or is not halted
-- or paused any more, is not below the floor (kronos.pointers_floor), no matter who writes it. A pointer that
-- moves on needs nothing: until that is committed, everybody sees it where it was. It holds a lock, shared,
-- until its transaction ends: raise_floor, which cannot see this row before, has ended or does not begin
-- meanwhile. Then it looks at the floor in a statement of its own, so as it is now. In a transaction that
-- sees the past as it was at its beginning, the floor's row is locked, which fails (40001) where it has moved
-- since. Not lower than ten minutes ago where that will do, so that many such ticks, after clocks were set
-- back say, do not all wait for one row. A job's second pointer is refused. By the keys: a plan that was made
-- while there were few pointers is kept while thousands come. As the owner.
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
        -- an expression, which costs no statement
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
        raise exception 'job % has a pointer already', new.job_id using
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
