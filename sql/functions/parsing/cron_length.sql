-- cron_length: the maximum length of a cron text in characters. Sixty minutes written out take 178. The API's
-- schemas have the same limit.
create or replace function kronos.cron_length() returns integer
language sql immutable parallel safe
return 200;
