-- is_broken: whether a condition is broken, given what is known of a subject: its breaches in a row, the
-- outcomes of its last runs or of those within the window, and how long a success has been missing. Inlined.
create or replace function kronos.is_broken(p_condition jsonb, p_streak integer, p_outcomes text,
                                            p_runs bigint, p_failures bigint, p_base_at timestamptz)
returns boolean
language sql stable parallel safe
as $$
    select case p_condition ->> 'type'
               when 'NO_SUCCESS' then
                   kronos.now() >= p_base_at + (p_condition ->> 'seconds')::integer * interval '1 second'
               when 'FAILURE_RATE' then
                   case when p_condition ->> 'window_seconds' is null
                        then length(p_outcomes) >= (p_condition ->> 'min_runs')::integer
                             and length(replace(p_outcomes, 'O', '')) * 100
                                 >= (p_condition ->> 'percent')::integer * length(p_outcomes)
                        else p_runs >= (p_condition ->> 'min_runs')::integer
                             and p_failures * 100 >= (p_condition ->> 'percent')::integer * p_runs end
               else p_streak >= coalesce((p_condition ->> 'count')::integer, 1) end
$$;
