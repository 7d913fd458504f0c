-- day_left: how many seconds are left of the day, in UTC; at least one.
create or replace function kronos.day_left() returns integer
language sql stable
as $$
    select greatest(86400 - extract(epoch from (kronos.now() at time zone 'UTC')::time)::integer, 1)
$$;
