-- parse_day_item: the bits of an item that is allowed only in a day field and whose day depends on weekdays:
-- 15W, L-3W, 5#2, 5L. pg_cron supports none of them.
-- Returns: null for any other item. Day of month: bit n for nW, bit 64 - n for L-nW. Weekday: bit 7 * (n - 1)
-- + weekday for weekday#n, bit 35 + weekday for weekdayL, the month's last.
create or replace function kronos.parse_day_item(p_item text, p_field text, p_low integer, p_high integer,
                                                 p_names text[])
returns bigint
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_item  constant text := lower(p_item collate "C");
    v_parts text[];
begin
    if p_field = 'day of month' then
        v_parts := regexp_match(v_item, '^(l-)?(0?[1-9]|[12][0-9]|3[01])w$');
        return case
            when v_parts[1] is null then 1::bigint << v_parts[2]::integer
            when v_parts[2]::integer <= 30 then 1::bigint << 64 - v_parts[2]::integer
        end;
    end if;
    v_parts := regexp_match(v_item, '^([a-z]{3}|[0-9]{1,2})(?:#(0?[1-5])|l)$');
    return 1::bigint << 7 * (coalesce(v_parts[2]::integer, 6) - 1)
           + kronos.parse_cron_value(v_parts[1], p_low, p_high, p_names) % 7;
end
$$;
