-- folded_alarm: the one alarm that rings for all that ring at no other minutes of the hour than these.
-- p_folded: bits 0-59.   Returns: null for none.
create or replace function kronos.folded_alarm(p_folded bigint) returns text
language sql immutable strict parallel safe
return kronos.cron_list(p_folded, 0, 59) || ' * * * *';
