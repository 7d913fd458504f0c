-- duration_ms: how long a run took, in milliseconds. Never negative, even if clocks disagree.
-- Returns: null if it has not begun or ended, or if an instant is infinite.
create or replace function kronos.duration_ms(p_started_at timestamptz, p_completed_at timestamptz)
returns bigint
language sql immutable parallel safe
as $$
    select case when isfinite(p_completed_at) and isfinite(p_started_at)
                then (extract(epoch from greatest(kronos.finite(p_completed_at) - kronos.finite(p_started_at),
                                                  interval '0')) * 1000)::bigint
           end
$$;
