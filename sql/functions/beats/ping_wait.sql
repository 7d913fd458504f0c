-- ping_wait: the number of seconds that a heartbeat must wait before it may ping again: 0 until it has used
-- the sixty pings of its minute. A minute begins with the first ping after the previous one.
create or replace function kronos.ping_wait(p_pointer kronos.beat_pointers, p_now timestamptz) returns integer
language sql stable
return case when p_pointer.minute_pings >= 60
             and p_now between p_pointer.minute_at and p_pointer.minute_at + interval '60 seconds'
            then greatest(1, ceil(extract(epoch from p_pointer.minute_at + interval '60 seconds'
                                                     - p_now)))::integer
            else 0 end;
