-- input_fault: why an input is rejected, as by the API: more than 256 KiB, nested more than 64 levels deep
-- including the job's own, or with a number that fits neither in 64 bits nor in a double. Such inputs could
-- not be returned as they were given. The size is that of PostgreSQL's text form, which has blanks after
-- colons and commas.
-- Returns: nulls if the input is valid.
create or replace function kronos.input_fault(p_input jsonb, out fault text, out hint text)
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp set extra_float_digits = 1
as $$
declare
    c_size   constant integer := octet_length(p_input::text);
    v_number numeric;
begin
    if c_size > 262144 then
        fault := format('%s bytes as JSON: at most 262144 are allowed', c_size);
        hint := 'Store the data elsewhere, and pass its address.';
    elsif jsonb_path_exists(p_input,
                            'strict $.**{63 to last} ? (@.type() == "object" || @.type() == "array")') then
        fault := 'nested more than 64 levels deep, counting the job''s own';
        hint := 'Flatten it.';
    else
        select number.value into v_number
          from jsonb_path_query(p_input, 'strict $.** ? (@.type() == "number")') as each (value)
         cross join lateral (select each.value::text::numeric as value) as number
         where case when number.value = 0
                      or number.value between -9223372036854775808 and 9223372036854775807
                         and scale(number.value) = 0 then false
                    when abs(number.value) not between 2.4703282292062328e-324 and 1.7976931348623157e308
                        then true
                    when scale(number.value) = 0 then number.value::float8::text::numeric <> number.value
                    else false end
         limit 1;
        if v_number is not null then
            fault := format('the number %s fits neither in 64 bits nor in a double',
                            left(v_number::text, 24));
            hint := 'Write a smaller number, or a string.';
        end if;
    end if;
end
$$;
