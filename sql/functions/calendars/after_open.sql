-- after_open: the tick to look at after one that ran at its own time, which has passed: none of those that
-- are open with it waits (p_open: open_times). Without it a minute's job looked at each since midnight.
-- Returns: null where the tick is not open, or there is none after them.
create or replace function kronos.after_open(p_schedule kronos.schedule, p_open tstzmultirange,
                                             p_tick timestamptz) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return (select kronos.next_tick(p_schedule, upper(part) - interval '1 microsecond')
              from unnest(p_open) as part
             where part @> p_tick);
end
$$;
