-- add_partitions: the partitions of execution_done and attempt for each UTC day from yesterday to a week ahead that lack one.
-- Called by: migrate, and reap every minute.   Returns: how many were made; normally 0, and 2 at midnight.
-- The default partition holds what is older than the first partition, and the rows of a day that came before its partition was made (after a
-- week without PostgreSQL): such a day stays there, for a partition cannot be added over rows.
create or replace function kronos.add_partitions() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
declare
    v_day    date;
    v_table  text;
    v_made   integer := 0;
    v_from   uuid;
    v_to     uuid;
    v_taken  boolean;
begin
    for v_table, v_day in
        select parent.name, (current_date + day.offset_days)
          from unnest(array['execution_done', 'attempt']) as parent (name)
         cross join generate_series(-1, 7) as day (offset_days)
         where to_regclass(format('kronos.%I', parent.name || '_' || to_char(current_date + day.offset_days, 'YYYYMMDD'))) is null
    loop
        v_from := kronos.uuid7_floor(v_day::timestamptz);
        v_to := kronos.uuid7_floor((v_day + 1)::timestamptz);
        execute format('select exists (select from kronos.%I where execution_id >= $1 and execution_id < $2)', v_table || '_default')
           into v_taken using v_from, v_to;
        continue when v_taken;
        execute format('create table kronos.%I partition of kronos.%I for values from (%L) to (%L)',
                       v_table || '_' || to_char(v_day, 'YYYYMMDD'), v_table,
                       v_from, v_to);
        v_made := v_made + 1;
    end loop;
    return v_made;
end
$$;
