-- refresh_zones: make live CRON jobs, one-shots at a local time, and heartbeats follow PostgreSQL's present
-- rules for their time zones, and jobs those for the time zones of their calendars.
-- Each minute it computes the UTC offsets at the recorded instants (zones.probes) again, 0.1 ms per zone. If
-- one differs, the time zone data has been updated: the zone is read again, and the alarms, entries and
-- pointers of its jobs are corrected. For fifteen minutes they are checked repeatedly, because PostgreSQL
-- keeps the old rules until a session ends, and such sessions may still write values that follow from them.
-- The workers are notified (kronos_zones), the API polls (zones.changed_at), and both continue with new
-- sessions.
-- Once a day each zone is read again, because the two years for which alarms are made move on; UTC too,
-- because cron.timezone may have changed. A zone that none of these uses is removed when it is a day old.
-- It stops at p_until; the run of the next minute continues.
-- Returns: how many zones were read, alarms and pointers corrected, and jobs still to be checked, and what
-- failed; the rest is done all the same.
create or replace function kronos.refresh_zones(p_until timestamptz default 'infinity', out zones integer,
                                                out alarms integer, out pointers integer,
                                                out remaining integer, out errors jsonb)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    c_first constant uuid := '00000000-0000-0000-0000-000000000000'::uuid;
    c_last  constant uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid;
    v_old  record;
    v_done record;
begin
    zones := 0;
    alarms := 0;
    pointers := 0;
    remaining := 0;
    errors := '[]';
    delete from kronos.zones as zone
     where zone.read_at <= kronos.now() - interval '1 day'
       and not exists (select from kronos.zones_in_use() as used (timezone)
                        where used.timezone = zone.timezone);
    for v_old in
        select used.timezone, zone.read_at, zone.probes, zone.distances, zone.from_job_id, zone.changed_from,
               zone.changed_at > kronos.now() - interval '15 minutes' as has_just_changed
          from kronos.zones_in_use() as used (timezone)
          left join kronos.zones as zone using (timezone)
         order by zone.from_job_id is null, zone.read_at nulls first, used.timezone
    loop
        begin
            if v_old.read_at is null
                or v_old.read_at <= kronos.now() - interval '1 day'
                or v_old.probes = '{}'
               or kronos.zone_distances(v_old.timezone, v_old.probes) <> v_old.distances then
                perform kronos.reread_zone(v_old.timezone);
                zones := zones + 1;
            elsif v_old.from_job_id is null and v_old.has_just_changed then
                update kronos.zones set from_job_id = c_first where timezone = v_old.timezone;
            elsif v_old.from_job_id is null then
                if v_old.changed_from is not null then      -- the fifteen minutes are over
                    update kronos.zones set changed_from = null where timezone = v_old.timezone;
                end if;
                continue;
            end if;
            select * into v_done from kronos.refresh_jobs(v_old.timezone, p_until);
            alarms := alarms + v_done.alarms;
            pointers := pointers + v_done.pointers;
            remaining := remaining + v_done.remaining;
            -- the run of the next minute continues
            if not (select asked.is_complete
                      from kronos.reask_local_one_shots(v_old.timezone, p_until) as asked) then
                update kronos.zones
                   set from_job_id = coalesce(from_job_id, c_last)
                 where timezone = v_old.timezone;
            end if;
            errors := errors || v_done.errors;
        exception when others then
            errors := errors || jsonb_build_object('task', 'refresh_zones', 'timezone', v_old.timezone,
                                                   'type', sqlstate, 'message', sqlerrm);
        end;
        exit when kronos.clock() >= p_until and zones + remaining > 0;
    end loop;
    errors := jsonb_path_query_array(errors, '$[0 to 99]');
end
$$;
