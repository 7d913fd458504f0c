-- lease_error: the error of an attempt whose lease expired.
-- plpgsql: as sql it would be inlined, and parsed by each plan of lose_leases.
create or replace function kronos.lease_error(p_worker_id text) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return jsonb_build_object(
               'type', 'lease_expired',
               'message', format('worker %s did not report within its lease; whether the delivery arrived is '
                                 'not known', p_worker_id)
           );
end
$$;
