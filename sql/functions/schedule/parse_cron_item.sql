-- parse_cron_item: the bits of one item of a field's list: *, a value, a range, with a step after * or a range, or $, L, LW.
-- Called by: parse_cron_field.
-- Returns: bit n for value n; bit 32 for $ and L, the last day of the month, bit 33 for LW, its last day from Monday to Friday.
-- Raises: KR001 with a hint.
--
-- The grammar is narrower than pg_cron's on purpose: both 1.4.2 and 1.6 take 5-1 and never fire, or fire at other
-- minutes; 1.4.2 takes */60; both ignore whatever follows a number that they have understood ("1.5", "5#3").
create or replace function kronos.parse_cron_item(
    p_item text, p_field text, p_low integer, p_high integer, p_names text[]
) returns bigint
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_parts text[] := regexp_match(
        lower(p_item collate "C"),
        '^(?:\*|([a-z]{3}|[0-9]{1,2})(?:-([a-z]{3}|[0-9]{1,2}))?)(?:/([0-9]{1,2}))?$'
    );
    v_low   integer;
    v_high  integer;
    v_step  integer;
    v_bits  bigint := 0;
begin
    if p_field = 'day of month' and p_item in ('$', 'L', 'l') then
        return 1::bigint << 32;
    elsif p_field = 'day of month' and p_item ilike 'lw' then
        return 1::bigint << 33;
    elsif v_parts is null or (v_parts[1] is not null and v_parts[2] is null and v_parts[3] is not null) then
        raise sqlstate 'KR001' using
            message = format('cron field %s: "%s" is not understood', p_field, p_item),
            hint = kronos.cron_hint(p_item, p_field, p_low, p_high);
    end if;
    v_low := coalesce(kronos.parse_cron_value(v_parts[1], p_field, p_low, p_high, p_names), p_low);
    v_high := coalesce(
        kronos.parse_cron_value(coalesce(v_parts[2], v_parts[1]), p_field, p_low, p_high, p_names), p_high
    );
    v_step := coalesce(v_parts[3]::integer, 1);
    if v_low > v_high then
        raise sqlstate 'KR001' using
            message = format('cron field %s: range "%s" runs backwards', p_field, p_item),
            hint = case
                when v_parts[3] is not null then 'list the values one by one'
                else 'write ' || regexp_replace(
                    case
                        when p_field <> 'weekday' then format('%s-%s,%s-%s', v_low, p_high, p_low, v_high)
                        when v_high = 0 then format('%s-7', v_low)
                        else format('%s-7,1-%s', v_low, v_high)
                    end,
                    '\y(\d+)-\1\y', '\1', 'g'
                )
            end;
    elsif v_step not between 1 and p_high then
        raise sqlstate 'KR001' using
            message = format('cron field %s: step "%s" of "%s" is not between 1 and %s', p_field, v_step, p_item, p_high),
            hint = case
                when v_step > 0 then format('for once in the whole range write its first value, %s', v_low)
                else format('write a step from 1 to %s', p_high)
            end;
    end if;
    for v_value in v_low..v_high by v_step loop
        v_bits := v_bits | (1::bigint << v_value);
    end loop;
    return v_bits;
end
$$;
