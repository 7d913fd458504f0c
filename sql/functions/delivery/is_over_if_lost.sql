-- is_over_if_lost: whether an execution ends if its attempt is lost: its crashes or attempts are used up, it
-- was cancelled, or it is too old (age_limit).
create or replace function kronos.is_over_if_lost(p_live kronos.execution_live) returns boolean
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select kronos.is_over_at(p_live, kronos.age_limit(p_live))
$$;
