-- seal_audit: moves audit rows that are committed into their chains (seal_chain), the oldest first, p_limit
-- at most. What is committed later, however long its transaction took, is found by the next call. One session
-- at a time; another finds that and goes on. What fails is warned of and left: deliveries do not wait for it.
-- Returns: how many.
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
