-- cron_single_step_hint: the hint for an item like 5/15, which other crons count from the value to the end of
-- the field. p_item is in lower case.
-- Returns: null for an item of another shape.
create or replace function kronos.cron_single_step_hint(p_item text, p_n integer) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_spec  constant record  := kronos.cron_field(p_n);
    v_parts constant text[]  := regexp_match(p_item, '^([0-9]{1,2}|[a-z]{3})/([0-9]{1,9})$');
    v_first constant integer := kronos.parse_cron_value(v_parts[1], v_spec.low, v_spec.high, v_spec.names);
    v_step  constant integer := v_parts[2]::integer;
    v_last  constant integer := case p_n when 5 then 6 else v_spec.high end;      -- a week ends on Saturday
begin
    if v_first is null then
        return null;
    elsif v_step = 0 then
        return format('Write a step from 1 to %s after a range.', v_spec.high);
    elsif v_first > v_last - v_step then
        return 'A step follows * or a range: for that one value write ' || v_parts[1] || ' instead.';
    end if;
    return format(
        'A step follows * or a range: write %s-%s/%s instead.', v_parts[1],
        case when v_parts[1] ~ '^[0-9]' then v_last::text else v_spec.names[v_last - v_spec.low + 1] end,
        v_step
    );
end
$$;
