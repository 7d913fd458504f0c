-- add_partitions: the partitions of execution_done and attempt for each UTC day from yesterday to a week ahead that lack one.
-- Called by: migrate, and reap every minute.   Returns: how many were made; normally 0, and 2 at midnight.
-- Live ids carry a time that is past or now, so the default partition never holds a row of a day to come.
create or replace function kronos.add_partitions() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
declare
    v_day    date;
    v_table  text;
    v_made   integer := 0;
begin
    for v_table, v_day in
        select parent.name, (current_date + day.offset_days)
          from unnest(array['execution_done', 'attempt']) as parent (name)
         cross join generate_series(-1, 7) as day (offset_days)
         where to_regclass(format('kronos.%I', parent.name || '_' || to_char(current_date + day.offset_days, 'YYYYMMDD'))) is null
    loop
        execute format('create table kronos.%I partition of kronos.%I for values from (%L) to (%L)',
                       v_table || '_' || to_char(v_day, 'YYYYMMDD'), v_table,
                       kronos.uuid7_floor(v_day::timestamptz), kronos.uuid7_floor((v_day + 1)::timestamptz));
        v_made := v_made + 1;
    end loop;
    return v_made;
end
$$;
