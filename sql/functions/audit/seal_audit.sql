-- seal_audit: moves committed audit rows into their chains (seal_chain), oldest first, at most p_limit. Rows
-- that are committed later, however long their transaction took, are found by the next call. One session at a
-- time; a second session notices that and does nothing. A chain that cannot be sealed, because its rows were
-- changed by hand, is logged as a warning and left for the next call: neither other chains nor deliveries
-- wait for it.
-- Returns: the number of rows sealed.
create or replace function kronos.seal_audit(p_limit integer) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_count  integer := 0;
    v_chain  record;
    v_broken uuid[]  := '{}'::uuid[];
    v_is_new boolean;      -- a chain turned out to be broken: its rows took the place of others
begin
    if not exists (select from kronos.audit_pending)
    or not pg_try_advisory_xact_lock(hashtext('kronos.seal_audit')) then
        return 0;
    end if;
    loop
        v_is_new := false;
        for v_chain in
            select oldest.chain_id, array_agg(oldest.place) as places
              from (select kronos.audit_chain(pending.workspace_id) as chain_id, pending.ctid as place
                      from kronos.audit_pending as pending
                     where kronos.audit_chain(pending.workspace_id) <> all (v_broken)
                     order by pending.at
                     limit p_limit - v_count) as oldest
             group by oldest.chain_id
             order by oldest.chain_id
        loop
            begin
                v_count := v_count + kronos.seal_pending(v_chain.chain_id, v_chain.places);
            exception when others then
                raise warning 'kronos: the audit of chain % cannot be sealed: % (%)', v_chain.chain_id,
                              sqlerrm, sqlstate;
                v_broken := v_broken || v_chain.chain_id;
                v_is_new := true;
            end;
        end loop;
        exit when not v_is_new or v_count >= p_limit;
    end loop;
    return v_count;
end
$$;
