-- seal_audit: moves committed audit rows into their chains (seal_chain), oldest first, at most p_limit. Rows
-- that are committed later, however long their transaction took, are found by the next call. One session at a
-- time; a second session notices that and does nothing. A failure is logged as a warning and left for the
-- next call: deliveries do not wait for it.
-- Returns: the number of rows sealed.
create or replace function kronos.seal_audit(p_limit integer) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_chain record;
    v_count integer := 0;
begin
    if not exists (select from kronos.audit_pending)
    or not pg_try_advisory_xact_lock(hashtext('kronos.seal_audit')) then
        return 0;
    end if;
    begin
        for v_chain in
            with taken as (
                delete from kronos.audit_pending as pending
                 where pending.ctid = any (array(select oldest.ctid
                                                   from kronos.audit_pending as oldest
                                                  order by oldest.at
                                                  limit p_limit))
                returning pending
            )
            select kronos.audit_chain((taken.pending).workspace_id) as chain_id,
                   array_agg(taken.pending order by (taken.pending).at, (taken.pending).audit_id) as rows
              from taken
             group by 1
             order by 1
        loop
            perform kronos.seal_chain(v_chain.chain_id, v_chain.rows);
            v_count := v_count + cardinality(v_chain.rows);
        end loop;
    exception when others then
        raise warning 'kronos: the audit cannot be sealed: % (%)', sqlerrm, sqlstate;
        return 0;
    end;
    return v_count;
end
$$;
