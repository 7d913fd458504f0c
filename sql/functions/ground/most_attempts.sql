-- most_attempts: the highest number of attempts that an execution's columns can hold.
create or replace function kronos.most_attempts() returns integer
language sql immutable parallel safe
return 32767;
