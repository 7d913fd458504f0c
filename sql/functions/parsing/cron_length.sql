-- cron_length: how many characters a cron text may have. Sixty minutes written out are 178; the API's schemas
-- have the same number.
create or replace function kronos.cron_length() returns integer
language sql immutable parallel safe
return 200;
