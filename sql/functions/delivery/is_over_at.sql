-- is_over_at: is_over_if_lost for an execution whose age_limit is known. Inlined.
create or replace function kronos.is_over_at(p_live kronos.execution_live, p_age_limit timestamptz)
returns boolean
language sql stable parallel safe
as $$
    select p_live.crashes >= p_live.max_crashes
           or p_live.attempt_count >= p_live.max_attempts
           or p_live.cancel_reason is not null
           or coalesce(kronos.now() > p_age_limit, false)
$$;
