-- plain_interval: an interval in words, in capitals, with blanks or in ISO 8601, converted to our units: "1
-- Hour", "PT1H" and "1 h" become "1h".
-- Returns: null for any other text. Otherwise each unit once, the largest first, whether or not such an
-- interval is accepted.
create or replace function kronos.plain_interval(p_text text) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_iso   constant text :=
        '^P(?:([0-9]+)Y)?(?:([0-9]+)M)?(?:([0-9]+)W)?(?:([0-9]+)D)?'
        '(?:T(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)S)?)?$';
    c_names constant text[] :=
        array['years?|yrs?', 'y', 'months?|mons?', 'mo', 'weeks?|wks?', 'w', 'days?', 'd', 'hours?|hrs?', 'h',
              'minutes?|mins?', 'm', 'seconds?|secs?', 's'];
    v_iso   constant text[] := regexp_match(left(p_text, 60), c_iso, 'i');
    v_text  text := lower(btrim(regexp_replace(left(p_text, 60), '\s+', ' ', 'g')) collate "C");
begin
    if v_iso is not null then
        v_text := concat(v_iso[1] || 'y', v_iso[2] || 'mo', v_iso[3] || 'w', v_iso[4] || 'd', v_iso[5] || 'h',
                         v_iso[6] || 'm', v_iso[7] || 's');
    else
        v_text := regexp_replace(v_text, '^every ?', '');
        for v_name in 1 .. array_length(c_names, 1) by 2 loop
            v_text := regexp_replace(v_text, '(^|[0-9]) *(?:' || c_names[v_name] || ')(?![a-z])',
                                     '\1' || c_names[v_name + 1], 'g');
        end loop;
        v_text := regexp_replace(v_text, '(?:,| and)? +', '', 'g');
        v_text := case when v_text ~ '^[a-z]' then '1' else '' end || v_text;      -- "every hour"
    end if;
    return case when v_text <> ''
                 and v_text ~ '^([0-9]{1,9}y)?([0-9]{1,9}mo)?([0-9]{1,9}w)?([0-9]{1,9}d)?'
                              '([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?$'
                then v_text end;
end
$$;
