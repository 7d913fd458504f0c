-- find_stuck: marks whatever waits or runs too long now (stuck_runs) as breaking its rule, whether or not it
-- ever ends. A run that was too long has recovered when it no longer runs; one that waited too long, when a
-- run begins in time.
create or replace function kronos.find_stuck(p_rule_ids uuid[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select
                     from kronos.alert_rules as rule
                    where rule.rule_id = any (p_rule_ids)
                      and rule.condition ->> 'type' in ('LATE', 'RUNNING')) then
        return;
    end if;
    insert into kronos.alert_states as state (rule_id, subject_id, workspace_id, kind, name, streak, peak,
                                              seconds, execution_id, since, stuck_at, due_at)
    select stuck.rule_id, stuck.subject_id, stuck.workspace_id,
           case when stuck.per = 'ALL' then stuck.selector else stuck.kind end,
           case when stuck.per = 'ALL' then stuck.selected else stuck.name end, 1, 1, stuck.seconds,
           stuck.execution_id, kronos.now(), kronos.now(), kronos.now()
      from (select distinct on (each.rule_id, place.subject_id) each.*, place.subject_id
              from (select run.rule_id, run.workspace_id, run.per, run.selector, run.selected, 'JOB' as kind,
                           job.first_version_id as own_id, coalesce(job.name, job.title) as name,
                           run.execution_id, run.seconds
                      from kronos.stuck_runs(p_rule_ids, 1000) as run
                      left join kronos.jobs as job using (job_id)
                     union all
                    select beat.rule_id, beat.workspace_id, beat.per, beat.selector, beat.selected,
                           'HEARTBEAT', beat.heartbeat_id, beat.name, null, beat.seconds
                      from kronos.stuck_beats(p_rule_ids) as beat) as each
             cross join lateral (select case when each.per = 'ALL' then each.rule_id
                                             else each.own_id end as subject_id) as place
             where place.subject_id is not null
             order by each.rule_id, place.subject_id, each.seconds desc) as stuck
        on conflict (rule_id, subject_id) do update
       set streak = greatest(state.streak, 1), peak = greatest(state.peak, 1), seconds = excluded.seconds,
           execution_id = excluded.execution_id, stuck_at = excluded.stuck_at,
           since = case when state.streak > 0 then state.since else excluded.since end,
           due_at = case when state.incident_id is null then excluded.due_at else state.due_at end;
    update kronos.alert_states as state
       set stuck_at = null, due_at = kronos.now(),
           streak = case rule.condition ->> 'type' when 'RUNNING' then 0 else state.streak end
      from kronos.alert_rules as rule
     where state.stuck_at < kronos.now()
       and rule.rule_id = state.rule_id
       and rule.rule_id = any (p_rule_ids);
end
$$;
