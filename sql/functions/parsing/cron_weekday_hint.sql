-- cron_weekday_hint: the hint for an item of the weekday field that the grammar does not allow. p_item is in
-- lower case, with three-letter names.
-- Returns: null if there is no specific advice.
create or replace function kronos.cron_weekday_hint(p_item text) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_parts text[];
    v_bits  bigint;
begin
    -- mon-friL, 1-5#2
    v_parts := regexp_match(p_item, '^((?:[a-z]{3}|[0-7])-(?:[a-z]{3}|[0-7]))(l|#[1-5])$');
    if v_parts is not null then
        v_bits := kronos.parse_cron_item(v_parts[1], 'weekday', 0, 7, '{sun,mon,tue,wed,thu,fri,sat}');
        return kronos.cron_advice(
            case v_parts[2] when 'l' then 'L' else '#' end || ' follows a single weekday: ',
            array_to_string(kronos.cron_values((v_bits | (v_bits >> 7)) & 127), upper(v_parts[2]) || ',')
            || upper(v_parts[2]), 5
        );
    end if;
    v_parts := coalesce(
        regexp_match(p_item, '^l([0-7]|[a-z]{3})$'),                                              -- L5
        regexp_match(p_item, '^(?:l|last)#([0-7]|[a-z]{3})$'),
        -- 5#L, fri#last
        regexp_match(p_item, '^([0-7]|[a-z]{3})#(?:l|last|-1)$')
    );
    return coalesce(
        kronos.cron_advice('For the last one of the month ', v_parts[1] || 'L', 5),
        case when p_item ~ '^(week|work)days?$' then 'For Monday to Friday write mon-fri instead.' end,
        case when p_item ~ '^weekends?$' then 'For Saturday and Sunday write sat,sun instead.' end,
        case when p_item ~ '#'
             then 'Write # between a weekday and a number from 1 to 5: 5#2 or fri#2 is the second Friday '
                  'of the month; '
                  'lists are allowed, ranges are not.' end
    );
end
$$;
