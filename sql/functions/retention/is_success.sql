-- is_success: whether an outcome is kept for success_days; FAILED, MISSED and EXPIRED are kept for
-- failure_days.
create or replace function kronos.is_success(p_status text) returns boolean
language sql immutable strict parallel safe
return p_status in ('SUCCESS', 'SKIPPED', 'CANCELLED');
