-- shared_names: the shared entries that ring for these CRON jobs, ACTIVE or not. force_generic_plan: as
-- write_alarms.
-- Returns: no row for a job that has its own entry. Internal jobs always do, since their rings are
-- heartbeats; all jobs do unless the instance shares alarms.
create or replace function kronos.shared_names(p_job_ids uuid[])
returns table (job_id uuid, alarm text, jobname text)
language plpgsql volatile rows 50 security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
    v_setting kronos.alarm_setting;
begin
    select * into v_setting from kronos.alarm_setting;
    if not v_setting.is_shared then
        return;
    end if;
    return query
        select job.job_id, job.alarm, kronos.alarm_name(kronos.ring_text(job.alarm, v_setting.folded))
          from unnest(p_job_ids) as wanted (id)
         cross join lateral (select found.job_id, found.alarm
                               from kronos.jobs as found
                              where found.job_id = wanted.id and found.trigger = 'CRON'
                              limit 1) as job
         where not exists (select from kronos.heartbeats as beat where beat.job_id = job.job_id);
end
$$;
