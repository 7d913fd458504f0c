-- alarm_name: the name of the entry that all jobs of an alarm share. A digest: no text of a user is a name,
-- or SQL.
create or replace function kronos.alarm_name(p_alarm text) returns text
language sql immutable strict parallel safe
return 'kronos:@' || md5(p_alarm);
