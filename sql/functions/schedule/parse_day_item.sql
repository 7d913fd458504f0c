-- parse_day_item: the bits of an item that only a day field can have and whose day depends on the month: 15W, 5#2, 5L. pg_cron knows none of them.
-- Called by: parse_day_field.
-- Returns: null where the item is none of them. Day of month: bit n for nW. Weekday: bit 7 * (n - 1) + weekday for weekday#n, bit 35 + weekday
--          for weekdayL, the month's last.
-- Raises: KR001 with a hint.
create or replace function kronos.parse_day_item(p_item text, p_field text, p_low integer, p_high integer, p_names text[]) returns bigint
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_parts text[] := regexp_match(
        lower(p_item collate "C"),
        case p_field when 'day of month' then '^([0-9]{1,2})w$' else '^([a-z]{3}|[0-9]{1,2})(?:#([0-9]{1,2})|l)$' end
    );
    v_day   integer := kronos.parse_cron_value(v_parts[1], p_field, p_low, p_high, p_names);
begin
    if p_field = 'day of month' then
        return 1::bigint << v_day;
    elsif v_parts[2]::integer not between 1 and 5 then
        raise sqlstate 'KR001' using
            message = format('cron field weekday: "%s" of "%s" is not between 1 and 5', v_parts[2], p_item),
            hint = format('a month has each weekday four or five times: write %1$s#1 to %1$s#5, or %1$sL for the last', v_parts[1]);
    end if;
    return 1::bigint << 7 * (coalesce(v_parts[2]::integer, 6) - 1) + v_day % 7;
end
$$;
