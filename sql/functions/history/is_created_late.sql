-- is_created_late: whether an execution was created more than an hour before or after the time in its id (a
-- run of missed ticks, a long pause, a backfill that takes days): kronos.late_days has the days of both.
-- Inlined.
create or replace function kronos.is_created_late(p_execution_id uuid, p_created_at timestamptz)
returns boolean
language sql stable parallel safe
return p_created_at not between kronos.uuid7_time(p_execution_id) - interval '1 hour'
                            and kronos.uuid7_time(p_execution_id) + interval '1 hour';
