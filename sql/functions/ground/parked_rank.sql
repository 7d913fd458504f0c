-- parked_rank: rank_of, for what is parked, as execution_live_parked spells it out: in UTC, where a minute is
-- one in every session's time zone, so that an index may have it. "case" and not coalesce, as in queue_of.
create or replace function kronos.parked_rank(p_due_at timestamptz, p_priority smallint) returns timestamp
language sql immutable parallel safe
as $$
    select (p_due_at at time zone 'UTC')
           - (case when p_priority is null then 0 else p_priority end) * interval '1 minute'
$$;
