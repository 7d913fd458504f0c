-- cron_short_names: an item with its months or weekdays shortened from full or nearly full names to three
-- letters. An L after a weekday, which means the last one of the month, stays. p_item is in lower case;
-- p_names are the field's.
-- Returns: p_item if there is no such word.
create or replace function kronos.cron_short_names(p_item text, p_names text[]) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_long constant text[] :=
        '{january,february,march,april,may,june,july,august,september,october,november,december,'
                              'sunday,monday,tuesday,wednesday,thursday,friday,saturday,weds}'::text[];
    v_item text := p_item;
    v_word text;
    v_name text;
begin
    for v_word in select regexp_split_to_table(p_item, '[^a-z]+') loop
        continue when length(v_word) < 4;
        foreach v_name in array c_long loop
            -- friday, fridays, frid, fridayl
            continue when left(v_name, 3) <> all (p_names)
                       or not (starts_with(v_name, v_word)
                               or v_word in (v_name || 's', v_name || 'l', left(v_name, 3) || 'l'));
            v_item := replace(v_item, v_word, left(v_name, 3)
                                              || case when v_word like '%l'
                                                       and v_word <> v_name
                                                       and not starts_with(v_name, v_word)
                                                      then 'L' else '' end);
            exit;
        end loop;
    end loop;
    return v_item;
end
$$;
