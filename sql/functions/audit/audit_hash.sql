-- audit_hash: the hash of a row that follows one with the hash p_previous: SHA-256 of that hash's 32 bytes
-- and the record.
create or replace function kronos.audit_hash(p_previous bytea, p_row kronos.audit) returns bytea
language sql stable
as $$
    select sha256(p_previous || convert_to(kronos.audit_record(p_row), 'UTF8'))
$$;
