-- takes_writes: that a workspace is not suspended: nothing in it is changed then, but that it goes on.
-- Returns: true.   Raises: KR023.
create or replace function kronos.takes_writes(p_slug text, p_status text) returns boolean
language plpgsql immutable
as $$
begin
    if p_status <> 'ACTIVE' then
        raise sqlstate 'KR023' using
            message = format('workspace %s is %s: it takes no changes until it goes on', p_slug, p_status);
    end if;
    return true;
end
$$;
