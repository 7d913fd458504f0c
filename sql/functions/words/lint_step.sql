-- lint_step: report a field that is one step over its whole range and does not divide it evenly, such as */7
-- in the minute field. p_low..p_high are the field's values, p_next is where it begins again.
-- Returns: null for any other field, and if the distance stays the same, as in */15 and 5-59/10. A range that
-- wraps around, such as 5-4/7, begins again within the hour; one across the end of a month counts 31 days for
-- each month.
create or replace function kronos.lint_step(p_text text, p_field text, p_unit text, p_low integer,
                                            p_high integer, p_next text)
returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_days  constant text[] := '{Sunday,Monday,Tuesday,Wednesday,Thursday,Friday,Saturday}'::text[];
    c_names constant text[] :=
        '{January,February,March,April,May,June,July,August,September,October,November,December}'::text[];
    v_parts integer[] := regexp_match(p_text, '^(?:\*|(\d{1,2})-(\d{1,2}))/(\d{1,2})$')::integer[];
    v_size  integer := p_high - p_low + 1;
    v_step  integer := v_parts[3];
    v_first integer := coalesce(nullif(v_parts[1], p_low + v_size), p_low);     -- weekday 7 is 0
    v_last  integer := least(v_parts[2], p_high);     -- p_high for a star
    v_is_round constant boolean := coalesce(v_first > v_parts[2], false);
    v_break integer;
    v_said  text[];
begin
    if v_is_round then
        v_last := v_last + v_size;
    end if;
    v_last := v_last - (v_last - v_first) % v_step;
    -- A range that leaves out more than one step at either end is meant to end there.
    if v_step is null or v_first = v_last then
        return null;
    elsif v_is_round and p_field = 'day of month' and v_step > 1 and v_last > p_high then
        return format(
            '%s in the day of month field counts 31 days in each month: across the end of a shorter one its '
            'days are not always %s apart',
            p_text, v_step
        );
    elsif (v_is_round and v_last + v_step < v_first + v_size)
    or (not v_is_round and (v_first >= p_low + v_step or v_last + v_step <= p_high)) then
        return null;
    end if;
    v_break := v_first + v_size - v_last;
    v_last := p_low + (v_last - p_low) % v_size;
    if p_field = 'day of month' then
        return format(
            '%s in the day of month field is not every %s days: it starts again on day %s of each month; '
            'for evenly spaced days use an interval, every %sd',
            p_text, v_step, v_first, v_step
        );
    elsif v_break = v_step then
        return null;
    end if;
    v_said := case p_field
        when 'month' then array[c_names[v_last], c_names[v_first]]
        when 'weekday' then array[c_days[v_last + 1], c_days[v_first + 1]]
        else array[p_unit || ' ' || v_last, p_unit || ' ' || v_first]
    end;
    return format(
        '%s in the %s field is not every %s %ss: after %s comes %s, %s %s later%s',
        p_text, p_field, v_step, p_unit, v_said[1],
        v_said[2] || case when v_is_round then '' else ' ' || p_next end,
        v_break, case v_break when 1 then p_unit else p_unit || 's' end,
        case when p_unit <> 'month'
             then format('; for evenly spaced ticks use an interval, every %s%s',
                         v_step, left(p_unit, 1)) end
    );
end
$$;
