-- correct_jobs: give jobs their alarms and entries and, if p_changed_from is given, the pointers that follow
-- from their zone's present rules.
-- Lock order: the workspace, the jobs' rows, cron.job. Does not wait for locks.
-- Returns: how many alarms and pointers were changed, and which jobs other sessions hold.
create or replace function kronos.correct_jobs(p_job_ids uuid[], p_alarms text[], p_changed_from timestamptz,
                                               out alarms integer, out pointers integer,
                                               out busy uuid[])
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_held       uuid[] := array(select job_id from kronos.hold_jobs(p_job_ids, false));
    v_registered uuid[];
    v_alarms     text[];
    v_old_alarms text[];      -- whose shared entries may no longer be needed
begin
    busy := array(select unnest(p_job_ids) except select unnest(v_held));
    with fresh as materialized (
        select job.job_id, fresh.alarm, job.alarm as old_alarm, pointer.next_tick_at as old_tick_at,
               settled.at as settled_at,
               case when settled.at is not null then place.due_at
                    else pointer.next_tick_at end as next_tick_at,
               case when settled.at is not null then place.tick_at else pointer.tick_at end as tick_at
          from unnest(p_job_ids, p_alarms) as fresh (job_id, alarm)
          join kronos.jobs as job on job.job_id = fresh.job_id
          left join lateral kronos.pointer_of(job.job_id) as pointer on true
         cross join lateral (select case when p_changed_from is not null
                                          and (job.schedule).every_seconds is null
                                         then kronos.settled_tick(job, p_changed_from) end as at) as settled
         cross join lateral kronos.pointer_at(job, kronos.tick_after(job, settled.at)) as place
         where job.job_id = any (v_held)
           and job.trigger = 'CRON' and job.status in ('ACTIVE', 'PAUSED')
    ), corrected as (
        update kronos.jobs as job
           set alarm = fresh.alarm,
               ticks_from = case when fresh.settled_at > p_changed_from
                                 then greatest(job.ticks_from, fresh.settled_at)
                                 else job.ticks_from end
          from fresh
         where job.job_id = fresh.job_id
        returning job.job_id, job.workspace_id, job.status, fresh.alarm, fresh.old_alarm, fresh.next_tick_at,
                  fresh.old_tick_at
    ), moved as (
        update kronos.pointers as pointer
           set next_tick_at = fresh.next_tick_at, tick_at = fresh.tick_at
          from fresh
         where pointer.job_id = fresh.job_id
           and pointer.next_tick_at = fresh.old_tick_at
           and fresh.next_tick_at <> fresh.old_tick_at
    )
    select count(*) filter (where corrected.alarm <> corrected.old_alarm),
           count(*) filter (where corrected.next_tick_at <> corrected.old_tick_at),
           coalesce(array_agg(corrected.job_id order by corrected.job_id) filter (where is_rung), '{}'),
           coalesce(array_agg(corrected.alarm order by corrected.job_id) filter (where is_rung), '{}'),
           array_agg(corrected.old_alarm) filter (where is_rung and kronos.are_alarms_shared())
      into alarms, pointers, v_registered, v_alarms, v_old_alarms
      from corrected
      join kronos.workspaces as workspace using (workspace_id)
     cross join lateral (select corrected.status = 'ACTIVE'
                         and workspace.status = 'ACTIVE'
                         and corrected.alarm <> corrected.old_alarm as is_rung) as rung;
    perform kronos.note_alarm('~', alike.alarm)
       from (select distinct given.alarm from unnest(v_old_alarms) as given (alarm)) as alike;
    perform kronos.register_jobs(v_registered, v_alarms);
end
$$;
