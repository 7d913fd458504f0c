-- system_alarms: how pg_cron is asked to ring for jobs, for the instance's administrator.
-- Returns: one row. jobs: ACTIVE CRON jobs of ACTIVE workspaces, internal ones aside; alarms: how many rings
-- they have that differ; entries: pg_cron's of our name; folded: the minutes of the hour that are folded, as
-- cron has them, null for none; rings_apart, rings_shared, rings_now: how often pg_cron rings for jobs a day
-- with an entry a job, with one an alarm, and as it is.
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
