-- calendar_dates: the months in which an interval of months from an anchor has ticks, and the days of the
-- month on which they can fall. The 31st can also be the 28th, 29th or 30th, if a month is that short.
-- Returns: bits 1-12, bits 1-31.
create or replace function kronos.calendar_dates(p_every_months integer, p_anchor timestamp,
                                                 out months integer, out days bigint)
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_lengths constant integer[] := '{31,28,31,30,31,30,31,31,30,31,30,31}'::integer[];
    v_day     constant integer   := date_part('day', p_anchor)::integer;
    v_month   integer := date_part('month', p_anchor)::integer;
begin
    months := 0;
    days := 0;
    while (months >> v_month) & 1 = 0 loop
        months := months | (1 << v_month);
        days := days | (1::bigint << least(v_day, c_lengths[v_month]))
                     | case when v_month = 2 then 1::bigint << least(v_day, 29) else 0 end;
        v_month := (v_month + p_every_months - 1) % 12 + 1;
    end loop;
end
$$;
