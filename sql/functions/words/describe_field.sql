-- describe_field: the values of one field in words, e.g. "minute 5", "every hour from 9 through 17", "days 1
-- and 15". p_first..p_last are the values that the field can have.
create or replace function kronos.describe_field(
    p_values integer[], p_unit text, p_first integer, p_last integer
) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_count integer := cardinality(p_values);
    v_size  integer := p_last - p_first + 1;
    v_step  integer := kronos.cron_step(p_values);
    v_each  text;
begin
    if v_count = v_size then
        return 'every ' || p_unit;
    elsif v_count = 1 then
        return p_unit || ' ' || p_values[1];
    elsif v_step is null or (v_count < 6 and v_step > 1) or v_count < 3 then
        return p_unit || 's ' || kronos.english_list(p_values);
    end if;
    v_each := case
        when v_step = 1 then 'every ' || p_unit
        else 'every ' || kronos.english_ordinal(v_step) || ' ' || p_unit
    end;
    -- Only an even division continues across the end of the hour or day; anything else must state its ends.
    if p_values[1] = 0 and v_count * v_step = v_size then
        return v_each;
    end if;
    return v_each || ' from ' || p_values[1] || ' through ' || p_values[v_count];
end
$$;
