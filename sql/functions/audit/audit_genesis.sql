-- audit_genesis: the hash before the first row of a chain; it differs for each chain.
create or replace function kronos.audit_genesis(p_chain_id uuid) returns bytea
language sql stable parallel safe
as $$
    select sha256(convert_to('kronos audit ' || p_chain_id, 'UTF8'))
$$;
