-- parse_cron_item: the bits of one item of a field's list: *, a value, a range, with a step after * or a
-- range, or $, L, LW, L-3.
-- Returns: bit n for value n; bit 32 for $ and L, the last day of the month, bit 33 for LW, its last weekday
-- (Monday to Friday), bit 64 - n for L-n, the n-th day before its last. Null for any other item:
-- refuse_cron_item raises the reason.
--
-- A range that runs backwards wraps around: fri-mon is Friday, Saturday, Sunday, Monday. A step continues
-- across the end, so 22-6/3 is 22, 1 and 4 (docs/decisions/0021). pg_cron accepts such a range and never
-- fires, or fires at other minutes, so alarm_item rewrites it. Otherwise the grammar is deliberately narrower
-- than pg_cron's: 1.4.2 accepts */60; 1.4.2 and 1.6 ignore whatever follows a number that they have parsed
-- ("1.5", "5#3").
create or replace function kronos.parse_cron_item(
    p_item text, p_field text, p_low integer, p_high integer, p_names text[]
) returns bigint
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_parts constant text[] := kronos.cron_item_parts(p_item);
    v_low   integer := p_low;
    v_high  integer := p_high;
    v_step  integer;
    v_round integer;
    v_bits  bigint  := 0;
begin
    if p_field = 'day of month' and p_item ~* '^[$lL]' then
        return case
            when p_item in ('$', 'L', 'l') then 1::bigint << 32
            when p_item ilike 'lw'         then 1::bigint << 33
            when p_item ~* '^L-(0?[1-9]|[12][0-9]|30)$' then 1::bigint << 64 - substring(p_item, 3)::integer
        end;
    end if;
    v_step := coalesce(v_parts[3]::integer, 1);
    if v_parts is null or v_step not between 1 and p_high then
        return null;
    end if;
    if p_item not like '*%' then
        v_low := kronos.parse_cron_value(coalesce(v_parts[1], v_parts[4]), p_low, p_high, p_names);
        v_high := kronos.parse_cron_value(coalesce(v_parts[2], v_parts[4]), p_low, p_high, p_names);
        if v_low is null or v_high is null then
            return null;
        end if;
    end if;
    v_round := case p_field when 'weekday' then 7 else p_high - p_low + 1 end;
    for v_value in v_low .. case when v_low > v_high then v_high + v_round else v_high end by v_step loop
        v_bits := v_bits | (1::bigint << case when v_value > p_high then v_value - v_round else v_value end);
    end loop;
    return v_bits;
end
$$;
