-- audit_genesis: what stands before the first row of a chain, so that no chain begins like another.
create or replace function kronos.audit_genesis(p_chain_id uuid) returns bytea
language sql stable parallel safe
as $$
    select sha256(convert_to('kronos audit ' || p_chain_id, 'UTF8'))
$$;
