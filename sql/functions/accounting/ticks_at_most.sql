-- ticks_at_most: an upper estimate of the number of ticks that a schedule has in a span of time, without
-- searching for them; never more than due_ticks takes per call. It limits the work of catch_up.
-- Raises: nothing, whatever the schedule is, because catch_up calls it for all overdue jobs at once.
create or replace function kronos.ticks_at_most(p_schedule kronos.schedule, p_span interval) returns bigint
language sql immutable parallel safe
return least(10000, 2 + coalesce(
    (extract(epoch from p_span) / nullif(greatest(p_schedule.every_seconds, 0), 0))::bigint,
    (extract(epoch from p_span) / 86400 / nullif(greatest(p_schedule.every_days, 0), 0))::bigint,
    (extract(epoch from p_span) / 86400 * bit_count(p_schedule.minutes::bit(64))
     * bit_count(p_schedule.hours::bit(32)))::bigint, 0));
