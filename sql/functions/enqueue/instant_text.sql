-- instant_text: an instant in the form that enqueue_many takes. Infinite instants, and those that RFC 3339
-- cannot express, become texts that enqueue_fault rejects.
create or replace function kronos.instant_text(p_at timestamptz) returns text
language sql stable parallel safe
as $$
    select case when isfinite(p_at) and extract(year from p_at at time zone 'UTC') between 1 and 9999
                then to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
                else p_at::text end
$$;
