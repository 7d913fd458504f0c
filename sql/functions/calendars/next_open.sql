-- next_open: the first instant at p_from or later that none of the calendars closes. The result is noted for
-- the transaction, with the calendars' versions: in a list many jobs name the same calendars, and for
-- calendars that are never open at the same time each job would search six years. p_is_asking: false: use the
-- notes only.
-- Returns: infinity if there is none within six years; null if nothing is noted and p_is_asking is false.
create or replace function kronos.next_open(p_workspace_id uuid, p_calendars text[], p_from timestamptz,
                                            p_is_asking boolean) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
declare
    c_most  constant integer := 20000;      -- characters in the notes
    v_noted constant text    := current_setting('kronos.closed_sets', true);
    v_key   text;
    v_note  text;
    -- the next call mostly begins earlier
    v_since timestamptz := least(p_from - interval '40 days',
                                 greatest(kronos.now() - interval '40 days', p_from - interval '200 days'));
    v_until timestamptz := p_from + interval '60 days';
    v_open  tstzmultirange;
    v_next  timestamptz;
begin
    if not p_is_asking and coalesce(v_noted, '') = '' then
        return null;
    end if;
    v_key := (select md5(p_workspace_id::text || p_calendars::text
                         || string_agg(each.document_id || ' ' || each.version, ',' order by each.name))
                from kronos.calendars as each
               where each.workspace_id = p_workspace_id and each.name = any (p_calendars));
    v_note := substring(v_noted from v_key || '[^\n]*(?=\n)');      -- the last line may be truncated
    if split_part(v_note, '|', 2)::timestamptz <= p_from
    and p_from < split_part(v_note, '|', 3)::timestamptz then
        return split_part(v_note, '|', 3)::timestamptz;
    elsif not p_is_asking then
        return null;
    end if;
    v_open := kronos.open_times(p_workspace_id, p_calendars, v_since, v_until);
    v_since := coalesce(upper(v_open * tstzmultirange(tstzrange(null, p_from))), v_since);
    v_next := lower(v_open * tstzmultirange(tstzrange(p_from, null)));
    while v_next is null and v_until < p_from + interval '6 years' loop
        v_next := lower(kronos.open_times(p_workspace_id, p_calendars, v_until, v_until + interval '1 year'));
        v_until := v_until + interval '1 year';
    end loop;
    v_next := coalesce(v_next, 'infinity');
    perform set_config('kronos.closed_sets',
                       left(format(e'%s|%s|%s\n%s', v_key, v_since, v_next, v_noted), c_most), true);
    return v_next;
end
$$;
