-- cron_item_parts: the parts of an item of a field's list: the ends and the step of a range or a star, or the
-- single value.
-- Returns: {low, high, step, value} as written, in lower case; the ends are null for *. Null for an item of
-- any other shape.
--
-- A number has two digits, such as 05, or more if the first is not zero: 100 is a number out of range, 005 is
-- not a number. Split by hand: a regular expression with parentheses takes longer than the rest of reading an
-- item.
create or replace function kronos.cron_item_parts(p_item text) returns text[]
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_word constant text := '^([a-z]{3}|[0-9]{1,2}|[1-9][0-9]{2,8})$';
    v_halves constant text[] := string_to_array(lower(p_item collate "C"), '/');
    v_ends   constant text[] := string_to_array(v_halves[1], '-');
begin
    if cardinality(v_halves) > 2 or v_halves[2] !~ '^([0-9]{1,2}|[1-9][0-9]{2,8})$' then
        return null;
    elsif v_halves[1] = '*' then
        return array[null, null, v_halves[2], null];
    elsif cardinality(v_ends) = 2 and v_ends[1] ~ c_word and v_ends[2] ~ c_word then
        return array[v_ends[1], v_ends[2], v_halves[2], null];
    elsif cardinality(v_ends) = 1 and v_halves[2] is null and v_ends[1] ~ c_word then
        return array[null, null, null, v_ends[1]];
    end if;
    return null;
end
$$;
