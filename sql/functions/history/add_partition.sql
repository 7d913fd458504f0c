-- add_partition: creates one partition as a separate table and then attaches it. This neither waits for
-- readers, writers or a dump, nor makes them wait. Creating it locks no existing table. Attaching it takes
-- SHARE UPDATE EXCLUSIVE on the table, which permits reads and writes. PostgreSQL also locks the default
-- partition ACCESS EXCLUSIVE while it checks that it has no row of the range, so that lock is taken only if
-- it is free right now. If a transaction has read the default partition and still holds it, nothing is
-- created; it is needed only weeks later.
-- Rows of the range that already are in the default partition stay there: the partition begins on the day
-- after the newest of them.
-- Returns: whether it was created.
-- Raises: 55P03 if a lock cannot be acquired within 20 ms.
create or replace function kronos.add_partition(p_parent text, p_from timestamptz, p_to timestamptz)
returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC'
set lock_timeout = '20ms'
as $$
declare
    v_newest uuid;
    v_from   timestamptz := p_from;
    v_name   text;
begin
    -- The highest id of the range by the primary key: max() of a uuid needs PostgreSQL 18.
    execute format('select execution_id from kronos.%I where execution_id >= $1 and execution_id < $2 '
                   'order by execution_id desc limit 1', p_parent || '_default')
       into v_newest
      using kronos.uuid7_floor(p_from), kronos.uuid7_floor(p_to);
    if v_newest is not null then
        v_from := date_trunc('day', kronos.uuid7_time(v_newest)) + interval '1 day';
    end if;
    if v_from >= p_to then
        return false;
    end if;
    v_name := p_parent || '_' || to_char(v_from, 'YYYYMMDD');
    execute format('create table kronos.%I (like kronos.%I including all)', v_name, p_parent);
    perform kronos.key_partition(p_parent, v_name);
    execute format('lock table only kronos.%I in access exclusive mode nowait', p_parent || '_default');
    execute format('alter table kronos.%I attach partition kronos.%I for values from (%L) to (%L)',
                   p_parent, v_name, kronos.uuid7_floor(v_from), kronos.uuid7_floor(p_to));
    return true;
end
$$;
