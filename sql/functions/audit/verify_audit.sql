-- verify_audit: recomputes a chain, p_limit rows after number p_after, whose hash is p_hash.
-- Returns: one row: the last number verified, its hash, the number of rows read, and what is wrong with the
-- next row; null if nothing is.
create or replace function kronos.verify_audit(p_chain_id uuid, p_after bigint, p_hash bytea, p_limit integer,
                                               out number bigint, out hash bytea, out seen integer,
                                               out fault text)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_row kronos.audit;
begin
    number := p_after;
    hash := p_hash;
    seen := 0;
    for v_row in
        select *
          from kronos.audit as each
         where each.chain_id = p_chain_id and each.number > p_after
         order by each.number
         limit p_limit
    loop
        if v_row.number <> number + 1 then
            fault := format('number %s is missing', number + 1);
        elsif v_row.hash <> kronos.audit_hash(hash, v_row) then
            fault := format('number %s is not what was sealed: it, or a row before it, was changed',
                            v_row.number);
        end if;
        exit when fault is not null;
        number := v_row.number;
        hash := v_row.hash;
        seen := seen + 1;
    end loop;
end
$$;
