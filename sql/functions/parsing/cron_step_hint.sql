-- cron_step_hint: the hint for a step that the n-th field does not allow; it advises an interval if the step
-- is longer than the field's whole range. p_parts come from cron_item_parts.
create or replace function kronos.cron_step_hint(p_parts text[], p_n integer) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_spec  constant record  := kronos.cron_field(p_n);
    v_step  constant integer := p_parts[3]::integer;
    v_once  constant text    := format('To match once per range, write its first value, %s, instead.',
                                       coalesce(p_parts[1], v_spec.low::text));
    v_every constant text    := kronos.every_advice(v_step || (array['m', 'h', 'd', null, 'd'])[p_n]);
    v_unit  constant text    := (array['minutes', 'hours', 'days', null, 'days'])[p_n];
begin
    if v_step = 0 then
        return format('Write a step from 1 to %s.', v_spec.high);
    -- */60 means once an hour, but no cron text can express every 90 minutes.
    elsif p_parts[1] is null and v_every is not null and v_step > (array[60, 24, 31, 12, 7])[p_n] then
        return format('For every %s %s write %s instead of cron. %s', v_step, v_unit, v_every, v_once);
    end if;
    return v_once;
end
$$;
