-- lint_closures: why a schedule with calendars does not run at all after p_after, if coming_runs found no run
-- (p_skipped: the skipped ticks that it returned).
-- Returns: one sentence, or none.
create or replace function kronos.lint_closures(p_workspace_id uuid, p_calendars text[], p_after timestamptz,
                                                p_ends_at timestamptz, p_next_runs jsonb, p_skipped jsonb)
returns text[]
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_open timestamptz;
begin
    if p_next_runs <> '[]' or p_calendars = '{}' then
        return array[]::text[];
    end if;
    v_open := kronos.next_open(p_workspace_id, p_calendars, p_after, true);
    return case when v_open = 'infinity'
                then array['its calendars leave no time open within six years: nothing runs']
                when v_open >= p_ends_at
                then array[format('its calendars leave no time open before %s, when the job has ended: '
                                  'nothing runs', kronos.iso(v_open))]
                when p_skipped <> '[]'
                then array['its calendars close every tick that was checked: nothing runs']
                else '{}' end;
end
$$;
