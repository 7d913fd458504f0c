-- ping_wait: how many seconds a heartbeat has to wait until it may ping again: 0 while it has not used up the
-- sixty of its minute, which begins with the first ping after the one before.
create or replace function kronos.ping_wait(p_pointer kronos.beat_pointers, p_now timestamptz) returns integer
language sql stable
return case when p_pointer.minute_pings >= 60
             and p_now between p_pointer.minute_at and p_pointer.minute_at + interval '60 seconds'
            then greatest(1, ceil(extract(epoch from p_pointer.minute_at + interval '60 seconds'
                                                     - p_now)))::integer
            else 0 end;
