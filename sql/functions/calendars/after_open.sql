-- after_open: the next tick to examine after one that ran at its own time, in the past: none of the ticks in
-- the same open span waits (p_open: open_times). Without this, a job that runs every minute would have each
-- minute since midnight examined.
-- Returns: null if the tick is not open, or no tick follows.
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
