-- retain_keys: delete idempotency keys that are older than 24 hours, oldest first, until p_until. A call that
-- repeated a key meanwhile was answered from its row.
-- Returns: one row; is_left: the time was up.
create or replace function kronos.retain_keys(p_until timestamptz, out idempotency_keys bigint,
                                              out is_left boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_gone bigint;
begin
    idempotency_keys := 0;
    loop
        delete from kronos.idempotency_keys
         where ctid = any (array(select each.ctid
                                   from kronos.idempotency_keys as each
                                  where each.created_at < kronos.now() - interval '24 hours'
                                  order by each.created_at
                                  limit 5000));
        get diagnostics v_gone = row_count;
        idempotency_keys := idempotency_keys + v_gone;
        is_left := v_gone = 5000 and kronos.clock() >= p_until;
        exit when is_left or v_gone < 5000;
    end loop;
end
$$;
