-- is_plain_input: whether a job's input is an object that nothing can be wrong with. What it says no to is
-- sound or not; input_fault says that, and takes longer. A level of jsonb takes 8 bytes, so 64 of them more
-- than 480; in 4,096 there are no numbers, of those that are let by, that would be 256 KiB as text. Inlined:
-- it is asked of each of thousands.
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
