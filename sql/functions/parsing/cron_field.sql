-- cron_field: the name of a cron text's n-th field, the range of its values, and their names; the first name
-- stands for low.
create or replace function kronos.cron_field(p_n integer, out field text, out low integer, out high integer,
                                             out names text[])
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    field := (array['minute', 'hour', 'day of month', 'month', 'weekday'])[p_n];
    low := (array[0, 0, 1, 1, 0])[p_n];
    high := (array[59, 23, 31, 12, 7])[p_n];
    names := case p_n
        when 4 then '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}'::text[]
        when 5 then '{sun,mon,tue,wed,thu,fri,sat}'::text[]
        else '{}'::text[]
    end;
end
$$;
