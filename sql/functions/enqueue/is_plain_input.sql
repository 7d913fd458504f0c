-- is_plain_input: whether a job's input is an object that is certainly valid. If not, it may still be valid:
-- input_fault decides that, and takes longer.
-- A level of jsonb takes 8 bytes, so 64 levels take more than 480. The numbers that pass cannot turn 4,096
-- bytes into 256 KiB of text. Inlined, because it is called for each of thousands of inputs.
create or replace function kronos.is_plain_input(p_input jsonb) returns boolean
language sql immutable parallel safe
as $$
    select coalesce(jsonb_typeof(p_input) = 'object'
                    and pg_column_size(p_input) <= 4096
                    and (pg_column_size(p_input) <= 480
                         or not jsonb_path_exists(p_input, 'strict $.**{60}'))
                    and not jsonb_path_exists(p_input, 'strict $.** ? (@ > 9e18 || @ < -9e18 || @ != 0 '
                                                       '&& @ < 1e-300 && @ > -1e-300)'),
                    false)
$$;
