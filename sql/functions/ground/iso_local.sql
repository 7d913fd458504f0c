-- iso_local: a local time in ISO 8601, without an offset, e.g. "2026-12-07T09:00:00".
create or replace function kronos.iso_local(p_local timestamp) returns text
language sql immutable strict parallel safe
return to_char(p_local, case when date_trunc('second', p_local) = p_local then 'YYYY-MM-DD"T"HH24:MI:SS'
                             else 'YYYY-MM-DD"T"HH24:MI:SS.US' end);
