-- reap_one: one task of the reaper (reap), by its name. p_now: when the reaper began; p_until: when the task
-- stops; p_budget: how long the reaper may hold rows.
-- Returns: what the task counts, how much of it is left, under the names of reap's output, and what failed.
create or replace function kronos.reap_one(p_task text, p_now timestamptz, p_until timestamptz,
                                           p_budget interval, out counts jsonb, out remaining jsonb,
                                           out errors jsonb)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_done record;
begin
    counts := '{}';
    remaining := '{}';
    errors := '[]';
    case p_task
        when 'end_jobs' then
            counts := jsonb_build_object('ended', kronos.end_jobs(p_now, p_until));
            remaining := jsonb_build_object('ended', (select count(*) from kronos.jobs as job
                                                       where job.trigger = 'CRON'
                                                         and job.status in ('ACTIVE', 'PAUSED')
                                                         and job.ends_at <= p_now));
        when 'resume_jobs_in_time' then
            select * into v_done from kronos.resume_jobs_in_time(p_now, p_until);
            errors := v_done.errors;
            counts := jsonb_build_object('resumed', v_done.resumed, 'busy', v_done.busy,
                                         'failed', jsonb_array_length(v_done.errors));
            remaining := jsonb_build_object('resumed', (select count(*) from kronos.jobs as job
                                                         where job.status = 'PAUSED'
                                                           and job.resume_at <= p_now));
        when 'turn_all' then
            remaining := jsonb_build_object('suspension', kronos.turn_all(p_until));
        when 'move_all' then
            remaining := jsonb_build_object('calendars', kronos.move_all(p_until));
        when 'cancel_all' then
            remaining := jsonb_build_object('cancelled', kronos.cancel_all(p_until));
        when 'delete_further' then
            remaining := jsonb_build_object('deletions', kronos.delete_further(p_until));
        when 'refresh_zones' then
            select * into v_done from kronos.refresh_zones(p_until);
            errors := v_done.errors;
            counts := jsonb_build_object('zones', v_done.zones, 'alarms', v_done.alarms,
                                         'pointers', v_done.pointers,
                                         'failed', jsonb_array_length(v_done.errors));
            remaining := jsonb_build_object('alarms', v_done.remaining);
        when 'decide_alarms' then
            perform kronos.decide_alarms(p_now);
        when 'settle_alarms' then
            -- before it holds any of their locks; from here on it only tries to lock
            perform kronos.settle_alarms();
        when 'note_search_texts' then
            perform kronos.note_search_texts(p_until);
        when 'repair_pg_cron' then
            select * into v_done from kronos.repair_pg_cron(p_budget * 0.8);
            errors := v_done.errors;
            counts := v_done.counts;
            remaining := jsonb_build_object('entries', v_done.remaining);
        when 'wake_pg_cron' then
            perform kronos.wake_pg_cron();
    end case;
end
$$;
