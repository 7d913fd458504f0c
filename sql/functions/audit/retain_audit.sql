-- retain_audit: deletes audit rows older than the instance's audit_days, in whole days, up to p_limit of each
-- chain (cut_chain).
-- Returns: one row: the number of rows deleted, and whether more remain.
create or replace function kronos.retain_audit(p_limit integer, out audit_rows bigint, out is_left boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_cutoff constant timestamptz := (
        select date_trunc('day', kronos.now() - make_interval(days => instance.audit_days), 'UTC')
          from kronos.retention as instance);
    v_rows   integer;
    v_chain  record;
begin
    audit_rows := 0;
    is_left := false;
    for v_chain in
        select chain.chain_id
          from kronos.audit_chains as chain
          join kronos.audit as oldest on oldest.chain_id = chain.chain_id
           and oldest.number = chain.cut_number + 1
         where oldest.at < v_cutoff
         order by chain.chain_id
    loop
        v_rows := kronos.cut_chain(v_chain.chain_id, v_cutoff, p_limit);
        audit_rows := audit_rows + v_rows;
        is_left := is_left or v_rows = p_limit;
    end loop;
end
$$;
