-- known_calendars: the given calendars, if all of them exist in the transaction's workspace.
-- Raises: KR046 if one does not.
create or replace function kronos.known_calendars(p_calendars text[]) returns text[]
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_absent text;
begin
    select asked.name into v_absent
      from unnest(p_calendars) with ordinality as asked (name, nth)
     where not exists (select from kronos.calendars as calendar
                        where calendar.workspace_id = kronos.current_workspace_id()
                          and calendar.name = asked.name)
     order by asked.nth
     limit 1;
    if found then
        raise sqlstate 'KR046' using message = format('no calendar %s in this workspace', to_jsonb(v_absent));
    end if;
    return p_calendars;
end
$$;
