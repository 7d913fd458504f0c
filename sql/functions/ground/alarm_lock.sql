-- alarm_lock: the second key of the advisory lock of a shared entry, by the entry's name. Held shared by a
-- transaction that relies on the entry and is about to commit, and exclusively by one that may remove it. At
-- most 256 different keys: each lock takes a place in PostgreSQL's shared lock table, and an import may bring
-- thousands of alarms. A transaction that needs several waits for them in ascending order, or only tries
-- them.
create or replace function kronos.alarm_lock(p_jobname text) returns integer
language sql immutable strict parallel safe
return hashtext(p_jobname) & 255;
