-- is_held: whether this instance is held: it fires, catches up, ages out and delivers nothing, as if all of
-- it were down. For a copy that was restored while its original is still running and must call nobody. A
-- setting, not a row, because a dump contains the original's rows but no settings. `kronos up --hold` sets it
-- for its server; elsewhere run: alter database … set kronos.hold = 'on', before restoring the copy into it.
-- Returns: true for anything but a clear no, so that a misspelled value still holds the instance.
create or replace function kronos.is_held() returns boolean
language sql stable parallel safe
return lower(coalesce(current_setting('kronos.hold', true), '')) not in ('', 'off', 'false', 'no', '0');
