-- input_fault: what of an input the API would not take, since it could not be given back: more than 256 KiB,
-- more than 64 levels with the job's own, numbers that neither 64 bits nor a double hold.
-- Returns: nulls where it is sound. Its size is that of the text that PostgreSQL writes, blanks after : and
-- , too.
create or replace function kronos.input_fault(p_input jsonb, out fault text, out hint text)
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp set extra_float_digits = 1
as $$
declare
    c_size   constant integer := octet_length(p_input::text);
    v_number numeric;
begin
    if c_size > 262144 then
        fault := format('%s bytes as JSON: at most 262144 are stored', c_size);
        hint := 'store it elsewhere and pass its address';
    elsif jsonb_path_exists(p_input,
                            'strict $.**{63 to last} ? (@.type() == "object" || @.type() == "array")') then
        fault := 'it is nested deeper than 64, the job''s own level counted';
        hint := 'flatten it';
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
            fault := format('neither 64 bits nor a double hold the number %s', left(v_number::text, 24));
            hint := 'write a smaller number, or a text';
        end if;
    end if;
end
$$;
