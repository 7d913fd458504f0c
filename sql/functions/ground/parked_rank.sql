-- parked_rank: rank_of for parked executions, as spelled out in execution_live_parked: in UTC, where a minute
-- is the same in every session's time zone, so that an index can contain it. CASE instead of coalesce, as in
-- queue_of.
create or replace function kronos.parked_rank(p_due_at timestamptz, p_priority smallint) returns timestamp
language sql immutable parallel safe
as $$
    select (p_due_at at time zone 'UTC')
           - (case when p_priority is null then 0 else p_priority end) * interval '1 minute'
$$;
