-- lost_reason: why an execution is over whose attempt was lost (is_over_if_lost): it was cancelled meanwhile,
-- its crashes or attempts are used up or, if it could be tried again (p_is_early), it is too old. p_error: of
-- the lost attempt.
-- plpgsql: as sql it would be inlined, and parsed by each plan of lose_leases.
create or replace function kronos.lost_reason(p_cancel_reason jsonb, p_is_early boolean, p_error jsonb)
returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce(p_cancel_reason,
                    jsonb_build_object('code', case when p_is_early then 'max_age_exceeded'
                                                    else 'lease_expired' end,
                                       'detail', p_error ->> 'message'));
end
$$;
