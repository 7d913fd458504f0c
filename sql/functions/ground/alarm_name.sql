-- alarm_name: the name of the entry that all jobs with an alarm share. A digest, so that no user's text
-- becomes a name or SQL.
create or replace function kronos.alarm_name(p_alarm text) returns text
language sql immutable strict parallel safe
return 'kronos:@' || md5(p_alarm);
