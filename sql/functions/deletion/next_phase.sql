-- next_phase: a deletion, moved to the beginning of a phase.
create or replace function kronos.next_phase(p_deletion kronos.deletions, p_phase text)
returns kronos.deletions
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    p_deletion.phase := p_phase;
    p_deletion.after_at := '-infinity';
    p_deletion.after_id := '00000000-0000-0000-0000-000000000000';
    p_deletion.after_status := '';
    return p_deletion;
end
$$;
