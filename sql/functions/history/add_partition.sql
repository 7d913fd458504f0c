-- add_partition: one partition, made beside its table and then attached. Neither waits for readers, writers
-- or a dump, nor lets them wait: making it locks nothing of anybody's, attaching it takes SHARE UPDATE
-- EXCLUSIVE on the table, with which reading and writing go together; and the default partition, which
-- PostgreSQL locks ACCESS EXCLUSIVE for the moment in which it makes sure that no row of the range is there,
-- is only taken if it is free right now. A transaction that has read it holds it: then nothing is
-- made, weeks before it is needed. Rows of the range that are in the default partition already stay there:
-- the partition begins on the day after the newest of them.
-- Returns: whether it was made.   Raises: 55P03 where a lock is not to be had within 20 ms.
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
    -- The highest of the range by the primary key: max() of a uuid is PostgreSQL 18's.
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
