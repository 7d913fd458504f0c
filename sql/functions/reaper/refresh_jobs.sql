-- refresh_jobs: refresh_each for a time zone's live CRON jobs in the order of their ids, from
-- zones.from_job_id on: two hundred at a time until p_until, and at least once; the run of the next minute
-- continues. If another session holds jobs, or some are not reached beside others that fail, the next run
-- begins with them and does all after them again.
-- For as long, the zone's heartbeats and the jobs of its calendars follow changed rules too (follow_rules,
-- follow_calendars).
-- Returns: how many alarms and pointers were corrected, how many jobs are still to be checked, and what
-- failed.
create or replace function kronos.refresh_jobs(p_timezone text, p_until timestamptz, out alarms integer,
                                               out pointers integer, out remaining integer, out errors jsonb)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    c_at_once constant integer := 200;
    v_zone    kronos.zones;
    v_job_ids uuid[];
    v_left    uuid;
    v_part    record;
begin
    alarms := 0;
    pointers := 0;
    errors := '[]';
    select * into strict v_zone from kronos.zones where timezone = p_timezone;
    v_job_ids := array(select job.job_id
                         from kronos.jobs as job
                        where job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED')
                          and job.timezone = p_timezone
                          and job.job_id >= v_zone.from_job_id
                        order by job.job_id
                        limit 50000);
    remaining := cardinality(v_job_ids);
    for v_at in 1 .. cardinality(v_job_ids) by c_at_once loop
        select * into v_part
          from kronos.refresh_each(v_job_ids[v_at : v_at + c_at_once - 1], v_zone.changed_from);
        alarms := alarms + v_part.alarms;
        pointers := pointers + v_part.pointers;
        errors := errors || v_part.errors;
        v_left := coalesce(v_left, (select job_id
                                      from unnest(v_part.left_job_ids) as job_id
                                     order by job_id
                                     limit 1));
        remaining := greatest(remaining - c_at_once, 0);
        exit when kronos.clock() >= p_until;
    end loop;
    perform kronos.follow_rules(p_timezone, 2000, p_until), kronos.follow_calendars(p_timezone, p_until)
      where v_zone.changed_at > kronos.now() - interval '15 minutes';
    if v_left is not null then
        remaining := cardinality(v_job_ids) - array_position(v_job_ids, v_left) + 1;
    end if;
    update kronos.zones
       set from_job_id = v_job_ids[cardinality(v_job_ids) - remaining + 1]      -- null if none remains
     where timezone = p_timezone;
end
$$;
