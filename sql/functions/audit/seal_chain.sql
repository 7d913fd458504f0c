-- seal_chain: appends rows to a chain, which it locks, in their order.
create or replace function kronos.seal_chain(p_chain_id uuid, p_rows kronos.audit_pending[]) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_chain   kronos.audit_chains;
    v_slug    constant text := (select slug from kronos.workspaces where workspace_id = p_chain_id);
    v_pending kronos.audit_pending;
    v_row     kronos.audit;
begin
    insert into kronos.audit_chains (chain_id, workspace_id, number, hash, sealed_at, cut_hash)
    values (p_chain_id, nullif(p_chain_id, kronos.audit_chain(null)), 0, kronos.audit_genesis(p_chain_id),
            kronos.now(), kronos.audit_genesis(p_chain_id))
        on conflict (chain_id) do nothing;
    select * into strict v_chain from kronos.audit_chains where chain_id = p_chain_id for update;
    foreach v_pending in array p_rows loop
        v_chain.number := v_chain.number + 1;
        v_row := row(p_chain_id, v_chain.number, v_pending.audit_id, v_pending.workspace_id, v_slug,
                     v_pending.at, v_pending.actor, v_pending.key_id, v_pending.address,
                     v_pending.request_id, v_pending.database_user, v_pending.action, v_pending.object_type,
                     v_pending.object_id, v_pending.object, v_pending.before, v_pending.after, null::bytea,
                     v_pending.source);
        v_chain.hash := kronos.audit_hash(v_chain.hash, v_row);
        v_row.hash := v_chain.hash;
        insert into kronos.audit values (v_row.*);
    end loop;
    update kronos.audit_chains
       set number = v_chain.number, hash = v_chain.hash, sealed_at = kronos.clock()
     where chain_id = p_chain_id;
    -- outside the database, for operators who keep the server's log elsewhere
    raise log 'kronos: audit of % is sealed up to number %, hash %',
        coalesce('workspace ' || v_slug, case when p_chain_id = kronos.audit_chain(null) then 'the instance'
                                              else 'workspace ' || p_chain_id end),
        v_chain.number, encode(v_chain.hash, 'hex');
end
$$;
