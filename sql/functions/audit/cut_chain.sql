-- cut_chain: deletes the rows older than p_cutoff from the beginning of a chain, at most p_limit, and records
-- where the chain begins now: in audit_chains, and in the chain itself, as a change made by retention. If
-- only such records are old, they stay; otherwise an idle chain would be cut again for ever.
-- Returns: the number of rows deleted.
create or replace function kronos.cut_chain(p_chain_id uuid, p_cutoff timestamptz, p_limit integer)
returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_chain kronos.audit_chains;
    v_last  record;
begin
    select * into v_chain from kronos.audit_chains where chain_id = p_chain_id for update skip locked;
    with old as (
        select each.number, each.action, each.at >= p_cutoff as is_young
          from kronos.audit as each
         where each.chain_id = p_chain_id
         order by each.number
         limit p_limit
    )
    select max(old.number) as number, count(*)::integer as rows,
           bool_or(old.action <> 'audit.cut') as is_worth_it into v_last
      from old
     where old.number < coalesce((select min(young.number) from old as young where young.is_young),
                                 9223372036854775807);
    if v_chain.chain_id is null or not coalesce(v_last.is_worth_it, false) then
        return 0;
    end if;
    update kronos.audit_chains
       set cut_number = v_last.number, cut_at = kronos.clock(),
           cut_hash = (select each.hash from kronos.audit as each
                        where each.chain_id = p_chain_id and each.number = v_last.number)
     where chain_id = p_chain_id
    returning * into v_chain;
    perform set_config('kronos.cutting_audit', 'on', true);
    delete from kronos.audit where chain_id = p_chain_id and number <= v_last.number;
    perform set_config('kronos.cutting_audit', '', true);
    perform kronos.write_audit(v_chain.workspace_id, 'cut', 'audit', p_chain_id::text, null, null,
                               jsonb_build_object('number', v_chain.cut_number,
                                                  'hash', encode(v_chain.cut_hash, 'hex')));
    return v_last.rows;
end
$$;
