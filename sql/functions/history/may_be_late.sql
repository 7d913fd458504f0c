-- may_be_late: whether an execution may have been created at another time than its id says (is_created_late),
-- for less than that costs: most were created at the time in their id, which scheduled_at shows. Inlined.
create or replace function kronos.may_be_late(p_cause text, p_execution_id uuid, p_created_at timestamptz,
                                              p_scheduled_at timestamptz) returns boolean
language sql stable parallel safe
return p_cause in ('BACKFILL', 'MANUAL')
       -- an id that is not ours: it contains no time
    or get_byte(uuid_send(p_execution_id), 6) >> 4 <> 7
    or p_created_at not between '1970-01-01 00:00:00+00' and kronos.now() + interval '1 day'
    or p_scheduled_at not between greatest(p_created_at, '0001-01-01 00:00:00+00') - interval '1 hour'
                              and least(p_created_at, '9999-12-31 00:00:00+00') + interval '1 hour';
