-- refresh_alarms: puts right the alarms of a time zone's live CRON jobs that are no longer what alarm gives: up to 5,000 a call, as many as reap
-- then corrects entries in a minute. A job that a request holds is left for the next call.
-- Called by: refresh_zones.
-- Returns: how many were corrected, whether none is left, and the jobs whose schedule gives no alarm: they keep theirs.
create or replace function kronos.refresh_alarms(p_timezone text, out corrected integer, out is_complete boolean, out errors jsonb)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_alike   record;
    v_alarm   text;
    v_job_ids uuid[] := '{}';
    v_alarms  text[] := '{}';
begin
    errors := '[]';
    -- alarm takes 0.1 to 0.2 ms; most jobs of many have a schedule that others have too
    for v_alike in
        select job.cron, job.schedule, job.alarm, array_agg(job.job_id order by job.job_id) as job_ids
          from kronos.jobs as job
         where job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED') and job.timezone = p_timezone
         group by job.cron, job.schedule, job.alarm
    loop
        begin
            v_alarm := kronos.alarm(v_alike.cron, v_alike.schedule);
            if v_alarm is null then
                raise exception 'the schedule gives no alarm' using errcode = 'data_exception';
            elsif v_alarm <> v_alike.alarm then
                v_job_ids := v_job_ids || v_alike.job_ids;
                v_alarms := v_alarms || array_fill(v_alarm, array[cardinality(v_alike.job_ids)]);
            end if;
        exception when others then
            errors := errors || (select jsonb_agg(jsonb_build_object('task', 'refresh_alarms', 'job_id', job_id, 'type', sqlstate, 'message', sqlerrm))
                                   from unnest(v_alike.job_ids) as job_id);
        end;
    end loop;
    with wanted as materialized (
        select job.job_id, fresh.alarm
          from unnest(v_job_ids, v_alarms) as fresh (job_id, alarm)
          join kronos.jobs as job using (job_id)
         order by job.job_id
         limit 5000
           for update of job skip locked
    )
    update kronos.jobs as job
       set alarm = wanted.alarm
      from wanted
     where job.job_id = wanted.job_id
       and job.status in ('ACTIVE', 'PAUSED');
    get diagnostics corrected = row_count;
    is_complete := corrected = cardinality(v_job_ids);
end
$$;
