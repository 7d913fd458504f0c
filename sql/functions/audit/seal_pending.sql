-- seal_pending: moves pending rows of one chain, by their places, into it (seal_chain).
-- Returns: how many.
create or replace function kronos.seal_pending(p_chain_id uuid, p_places tid[]) returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_rows kronos.audit_pending[];
begin
    with taken as (
        delete from kronos.audit_pending as pending
         where pending.ctid = any (p_places)
        returning pending
    )
    select array_agg(taken.pending order by (taken.pending).at, (taken.pending).audit_id) into v_rows
      from taken;
    perform kronos.seal_chain(p_chain_id, v_rows) where v_rows is not null;
    return coalesce(cardinality(v_rows), 0);
end
$$;
