-- archived_lost: the row of execution_done for an execution that is over because its attempt was lost
-- (is_over_if_lost): CANCELLED if it was cancelled meanwhile; otherwise FAILED, because its crashes or attempts
-- are used up or, if they are not, because it is too old. p_error: of the lost attempt. Inlined.
-- Returns: one row.
create or replace function kronos.archived_lost(p_live kronos.execution_live, p_error jsonb)
returns setof kronos.execution_done
language sql stable parallel safe
as $$
    select done.*
      from kronos.archived(
               p_live,
               case when p_live.cancel_reason is not null then 'CANCELLED' else 'FAILED' end,
               coalesce(p_live.cancel_reason,
                        jsonb_build_object('code',
                                           case when p_live.crashes < p_live.max_crashes
                                                 and p_live.attempt_count < p_live.max_attempts
                                                then 'max_age_exceeded'
                                                else 'lease_expired' end,
                                           'detail', p_error ->> 'message')),
               null, p_error
           ) as done
$$;
