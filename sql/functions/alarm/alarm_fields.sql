-- alarm_fields: a cron text's own five fields, where pg_cron has a word for what they say; L, W and # become the days that they can be.
-- Called by: alarm.
-- Returns: texts that pg_cron 1.4.2 and 1.6 take and read alike ($ is 1.6's alone).
-- Raises: KR001 as cron_fields does.
--
-- That stays a superset under the star rule: no item begins with * that did not before, so AND stays AND and OR stays OR, over larger sets of days.
create or replace function kronos.alarm_fields(p_cron text) returns text[]
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_fields text[] := kronos.cron_fields(p_cron);
    v_items  text[] := '{}';
    v_item   text;
    v_day    integer;
begin
    if v_fields[3] ~* '[$LW]' then
        foreach v_item in array string_to_array(v_fields[3], ',') loop
            v_day := (regexp_match(v_item, '^([0-9]+)W$', 'i'))[1]::integer;
            v_items := v_items || case
                when v_item in ('$', 'L', 'l') then '28-31'
                when v_item ~* '^LW$'          then '26-31'
                when v_day is null             then v_item
                -- For a Saturday the day before, for a Sunday the day after; at the month's ends the other way, two days off.
                when v_day = 1                 then '1-3'
                when v_day < 28                then format('%s-%s', v_day - 1, v_day + 1)
                when v_day = 28                then '26-29'
                when v_day = 29                then '27-30'
                when v_day = 30                then '28-31'
                else '29-31'
            end;
        end loop;
        v_fields[3] := array_to_string(v_items, ',');
    end if;
    v_fields[5] := regexp_replace(v_fields[5], '([0-9a-z]+)(#[0-9]+|L)(?=,|$)', '\1', 'gi');
    return v_fields;
end
$$;
