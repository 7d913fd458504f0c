-- settled_at: the instant up to which settle_ticks accounted for ticks in this transaction; otherwise its
-- start.
create or replace function kronos.settled_at() returns timestamptz
language sql stable parallel safe
as $$
    select coalesce(nullif(current_setting('kronos.settled_at', true), '')::timestamptz, kronos.now())
$$;
