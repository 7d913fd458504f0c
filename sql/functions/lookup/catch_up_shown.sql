-- catch_up_shown: a job's policy for missed ticks, as the API shows it. Inlined.
create or replace function kronos.catch_up_shown(p_policy text, p_window_seconds integer) returns jsonb
language sql stable parallel safe
as $$
    select jsonb_build_object('policy', p_policy, 'window_seconds', p_window_seconds)
$$;
