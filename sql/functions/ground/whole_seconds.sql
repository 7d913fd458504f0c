-- whole_seconds: the seconds from one instant to another: 0 if the second is earlier, at most the largest
-- integer; null if either is unknown.
create or replace function kronos.whole_seconds(p_from timestamptz, p_to timestamptz) returns integer
language sql immutable parallel safe
as $$
    select case when p_from is null or p_to is null then null
                when p_to <= p_from then 0
                when not isfinite(p_from) or not isfinite(p_to) then 2147483647
                else least(extract(epoch from p_to) - extract(epoch from p_from), 2147483647)::integer end
$$;
