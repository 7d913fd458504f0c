-- is_test: whether an execution is a test of an endpoint (test_id).
create or replace function kronos.is_test(p_execution_id uuid) returns boolean
language sql immutable parallel safe
as $$
    select substr(p_execution_id::text, 15, 1) = '8'
$$;
