-- judge_states: judges the subjects that are due (due_at), up to p_limit. A subject that has broken its rule
-- since it was last judged gets an incident; one that no longer breaks it has its incident resolved. A breach
-- that is already over is resolved by the next evaluation, after this one has reported it.
-- An incident that stays open is checked again every minute, or every five, so that other changes to its
-- subject are noticed. A subject that rests opens no incident, and the wait for its success starts over from
-- then. A state with nothing to remember is deleted.
-- Returns: one row of counts. is_left: others are due.
create or replace function kronos.judge_states(p_rule_ids uuid[], p_limit integer, out opened bigint,
                                               out resolved bigint, out is_left boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off
set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
begin
    with judged as materialized (
        select * from kronos.judged_states(p_rule_ids, p_limit)
    ), made as (
        insert into kronos.incidents (incident_id, workspace_id, rule_id, rule, severity, condition, kind,
                                      subject_id, subject, detail, execution_id, opened_at, say)
        select new_id, workspace_id, rule_id, rule, severity, condition, kind, subject_id, name, detail,
               execution_id, kronos.now(), 'OPENED'
          from judged
         where new_id is not null
    ), changed as (
        update kronos.incidents as incident
           set status       = case when judged.is_broken then incident.status else 'RESOLVED' end,
               resolved_at  = case when not judged.is_broken then kronos.now() end,
               resolution   = case when judged.is_broken then null
                                   when judged.life = 'GONE' then 'SUBJECT_GONE'
                                   else 'RECOVERED' end,
               say          = case when judged.is_broken then incident.say
                                   when judged.life <> 'GONE' and judged.says_recovered then 'RESOLVED' end,
               repeat_at    = case when judged.is_broken then incident.repeat_at end,
               detail       = case when judged.is_broken then judged.detail else incident.detail end,
               execution_id = coalesce(judged.execution_id, incident.execution_id)
          from judged
         where incident.incident_id = judged.incident_id
           and incident.status <> 'RESOLVED'
           and (not judged.is_broken or incident.detail <> judged.detail)
        returning incident.incident_id, judged.is_broken
    ), kept as (
        update kronos.alert_states as state
           set peak        = state.streak,
               base_at     = case when judged.is_put_off then kronos.now() else state.base_at end,
               incident_id = coalesce(judged.new_id, case when judged.is_broken then judged.incident_id end),
               due_at      = case when judged.new_id is not null and not judged.is_broken
                                       then kronos.now() + interval '1 microsecond'    -- not this evaluation
                                  when judged.new_id is not null or judged.is_broken then judged.again_at
                                  when state.base_at is null then null
                                  when judged.is_put_off then kronos.now() + judged.wait
                                  else state.base_at + judged.wait end
          from judged
         where state.rule_id = judged.rule_id
           and state.subject_id = judged.subject_id
           and judged.is_kept
    ), gone as (
        delete from kronos.alert_states as state
         using judged
         where state.rule_id = judged.rule_id and state.subject_id = judged.subject_id and not judged.is_kept
    )
    select count(new_id), (select count(*) from changed where not is_broken),
           count(*) >= p_limit
      into opened, resolved, is_left
      from judged;
end
$$;
