-- takes_writes: checks that a workspace is not suspended: then nothing in it may change, except that it is
-- resumed.
-- Returns: true.
-- Raises: KR023.
create or replace function kronos.takes_writes(p_slug text, p_status text) returns boolean
language plpgsql immutable
as $$
begin
    if p_status <> 'ACTIVE' then
        raise sqlstate 'KR023' using
            message = format('workspace %s is %s: it accepts no changes until it is resumed', p_slug,
                             p_status);
    end if;
    return true;
end
$$;
