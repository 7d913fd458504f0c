-- plain_members: the jobs of enqueue_many with their places, without null members and always with an input.
create or replace function kronos.plain_members(p_jobs jsonb) returns table (nth bigint, job jsonb)
language sql immutable parallel safe
as $$
    select given.nth, jsonb_strip_nulls(given.job - 'input')
                      || jsonb_build_object('input', coalesce(given.job -> 'input', '{}'))
      from jsonb_array_elements(p_jobs) with ordinality as given (job, nth)
$$;
