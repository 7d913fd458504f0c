-- system_alarms: how pg_cron is set to ring for jobs, for the instance's administrator.
-- Returns: one row. jobs: ACTIVE CRON jobs of ACTIVE workspaces, without internal ones; alarms: how many
-- different alarms they have; entries: pg_cron's entries under our name; folded: the folded minutes of the
-- hour in cron syntax, null for none; rings_apart, rings_shared, rings_now: how often per day pg_cron rings
-- for jobs with one entry per job, with one per alarm, and as it is now.
create or replace function kronos.system_alarms(
    out wanted text, out are_shared boolean, out changed_at timestamptz, out jobs bigint, out alarms bigint,
    out entries bigint, out folded text, out rings_apart double precision, out rings_shared double precision,
    out rings_now double precision
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_setting kronos.alarm_setting;
begin
    select * into v_setting from kronos.alarm_setting;
    wanted := v_setting.wanted;
    are_shared := v_setting.is_shared;
    changed_at := v_setting.changed_at;
    select coalesce(sum(live.jobs), 0), count(*), coalesce(sum(live.jobs * rings.a_day), 0),
           coalesce(sum(rings.a_day), 0)
      into jobs, alarms, rings_apart, rings_shared
      from kronos.live_alarms() as live
     cross join lateral (select kronos.alarm_rings(live.alarm) as a_day offset 0) as rings;
    entries := (select found.entries
                  from kronos.entry_place() as place
                 cross join lateral kronos.pg_cron_digest(place.database, place.nodename,
                                                          place.nodeport) as found);
    folded := nullif(split_part((kronos.folded_alarms(v_setting.folded))[1], ' ', 1), '');
    rings_now := case when not are_shared then rings_apart
                      when v_setting.folded = 0 then rings_shared
                      else kronos.rings_with(v_setting.folded) end;
end
$$;
