-- refresh_zones: once a day, for each time zone of live CRON jobs and of one-shots at a local time: reads it anew, for clock changes of the coming two years come and go and time zone
-- data is updated, and puts right the alarms of its jobs that are no longer what alarm gives. UTC has its turn too: cron.timezone may have changed.
-- A zone that no live job has is forgotten when it is a day old.
-- Called by: reap, which then gives pg_cron the corrected alarms, at its next run.
-- Returns: how many zones were read, how many alarms corrected, and what failed; the rest is done all the same.
-- A zone whose alarms could not all be corrected is due again at once: until then its reading is a day old, which alarm takes for fresh enough.
create or replace function kronos.refresh_zones(out zones integer, out alarms integer, out errors jsonb)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_timezone text;
    v_zone     kronos.zones;
    v_done     record;
    v_is_asked boolean;      -- its one-shots at a local time are where they belong
begin
    zones := 0;
    alarms := 0;
    errors := '[]';
    delete from kronos.zones as zone
     where zone.read_at <= now() - interval '1 day'
       and not exists (select from kronos.jobs as job
                        where (job.trigger = 'CRON' or job.run_at_local is not null) and job.status in ('ACTIVE', 'PAUSED')
                          and job.timezone = zone.timezone);
    for v_timezone in
        select job.timezone
          from kronos.jobs as job
          left join kronos.zones as zone using (timezone)
         where (job.trigger = 'CRON' or job.run_at_local is not null) and job.status in ('ACTIVE', 'PAUSED')
         group by job.timezone, zone.read_at
        having zone.read_at is null or zone.read_at <= now() - interval '1 day'
         order by zone.read_at nulls first, job.timezone
         limit 100      -- about 0.1 s without their jobs; the next minute goes on
    loop
        begin
            v_zone := kronos.read_zone(v_timezone);
            insert into kronos.zones (timezone, offsets, gaps, gap_seconds, read_at)
            values (v_timezone, v_zone.offsets, v_zone.gaps, v_zone.gap_seconds, v_zone.read_at)
                on conflict (timezone) do update
               set offsets = excluded.offsets, gaps = excluded.gaps, gap_seconds = excluded.gap_seconds, read_at = excluded.read_at;
            select * into v_done from kronos.refresh_alarms(v_timezone);
            select asked.is_complete into v_is_asked from kronos.reask_local_one_shots(v_timezone) as asked;
            if not (v_done.is_complete and v_is_asked) then
                update kronos.zones set read_at = now() - interval '1 day' where timezone = v_timezone;
            end if;
            zones := zones + 1;
            alarms := alarms + v_done.corrected;
            errors := errors || v_done.errors;
        exception when others then
            errors := errors || jsonb_build_object('task', 'refresh_zones', 'timezone', v_timezone, 'type', sqlstate, 'message', sqlerrm);
        end;
    end loop;
end
$$;
