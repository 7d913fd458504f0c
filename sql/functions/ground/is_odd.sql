-- is_odd: whether an execution was created more than an hour before or after its scheduled time, such as a
-- DELAYED one or one for a missed tick. Matches the index execution_done_odd. True if an instant is infinite.
create or replace function kronos.is_odd(p_created_at timestamptz, p_scheduled_at timestamptz) returns boolean
language sql immutable parallel safe
return case when p_created_at
            between timestamptz '0001-01-01 00:00:00+00' and timestamptz '9999-12-31 00:00:00+00'
             and p_scheduled_at between timestamptz '0001-01-01 00:00:00+00'
                                    and timestamptz '9999-12-31 00:00:00+00'
            then (p_created_at - p_scheduled_at) not between interval '-1 hour' and interval '1 hour'
            else true
       end;
