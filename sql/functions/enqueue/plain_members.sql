-- plain_members: the jobs of enqueue_many with their places, without null members and always with an input.
-- Whole numbers are written without a fraction, so that 5.0 and 5 are the same request.
create or replace function kronos.plain_members(p_jobs jsonb) returns table (nth bigint, job jsonb)
language sql immutable parallel safe
as $$
    select given.nth,
           jsonb_strip_nulls(given.job - 'input')
           || case when given.job ?| array['priority', 'deadline_seconds']
                   then jsonb_strip_nulls(jsonb_build_object(
                            'priority', trim_scale((given.job ->> 'priority')::numeric),
                            'deadline_seconds', trim_scale((given.job ->> 'deadline_seconds')::numeric)))
                   else '{}' end
           || jsonb_build_object('input', coalesce(given.job -> 'input', '{}'))
      from jsonb_array_elements(p_jobs) with ordinality as given (job, nth)
$$;
