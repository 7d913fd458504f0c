-- alarm_lock: the second key of the advisory lock of a shared entry, by its name. Held shared where a
-- transaction that is about to commit counts on the entry, alone where one may remove it. Not more than 256:
-- a lock is a place in PostgreSQL's shared table, and an import may bring thousands of alarms. More locks
-- than one are waited for in their order, or only tried.
create or replace function kronos.alarm_lock(p_jobname text) returns integer
language sql immutable strict parallel safe
return hashtext(p_jobname) & 255;
