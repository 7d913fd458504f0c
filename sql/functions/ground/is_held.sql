-- is_held: whether this instance stands still: nothing is fired, caught up, aged out or delivered, as if all
-- of it were down. For a copy that was restored beside its original, and must call nobody. A setting, not a
-- row: a dump brings the original's rows, and no settings. `kronos up --hold` sets it for its server;
-- elsewhere: alter database … set kronos.hold = 'on', before the copy is restored into it.
-- Returns: true for whatever is not a plain no: who misspells it wants it all the same.
create or replace function kronos.is_held() returns boolean
language sql stable parallel safe
return lower(coalesce(current_setting('kronos.hold', true), '')) not in ('', 'off', 'false', 'no', '0');
