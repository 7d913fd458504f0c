-- ticks_at_most: about how many ticks of a schedule a span of time holds at most, without looking for them;
-- never more than due_ticks takes at once. It keeps the work of catch_up within bounds.   Raises: nothing,
-- whatever the schedule: it is asked about all overdue jobs at once.
create or replace function kronos.ticks_at_most(p_schedule kronos.schedule, p_span interval) returns bigint
language sql immutable parallel safe
return least(10000, 2 + coalesce(
    (extract(epoch from p_span) / nullif(greatest(p_schedule.every_seconds, 0), 0))::bigint,
    (extract(epoch from p_span) / 86400 / nullif(greatest(p_schedule.every_days, 0), 0))::bigint,
    (extract(epoch from p_span) / 86400 * bit_count(p_schedule.minutes::bit(64))
     * bit_count(p_schedule.hours::bit(32)))::bigint, 0));
