-- instant_text: an instant as enqueue_many takes it. Infinite ones, and those that RFC 3339 has not, as
-- words that enqueue_fault refuses.
create or replace function kronos.instant_text(p_at timestamptz) returns text
language sql stable parallel safe
as $$
    select case when isfinite(p_at) and extract(year from p_at at time zone 'UTC') between 1 and 9999
                then to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
                else p_at::text end
$$;
