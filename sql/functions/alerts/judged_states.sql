-- judged_states: the subjects that are due, up to p_limit, judged for judge_states: whether they have broken
-- their rule since they were last judged (was_broken), and whether they break it now.
-- Returns: one row per subject. new_id: the incident to open. again_at: when an incident that stays open is
-- checked again, by another evaluation. is_put_off: the wait for a success starts now. is_kept: there is
-- something to store.
create or replace function kronos.judged_states(p_rule_ids uuid[], p_limit integer)
returns table (rule_id uuid, subject_id uuid, workspace_id uuid, kind text, name text, rule text,
               severity text, condition jsonb, says_recovered boolean, incident_id uuid, new_id uuid,
               execution_id uuid, life text, detail text, wait interval, was_broken boolean,
               is_broken boolean, again_at timestamptz, is_put_off boolean, is_kept boolean)
language sql volatile rows 20 set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
    with due as materialized (
        select state.*, rule.name as rule, rule.severity, rule.condition, rule.says_recovered,
               (rule.condition ->> 'seconds')::integer * interval '1 second' as wait,
               rule.condition ->> 'type' as type,
               (rule.condition ->> 'window_seconds')::integer * interval '1 second' as window_length
          from kronos.alert_states as state
          join kronos.alert_rules as rule using (rule_id)
         where state.due_at <= kronos.now()
           and state.rule_id = any (p_rule_ids)
         order by state.due_at
         limit p_limit
    ), known as materialized (
        select due.*, counted.runs, counted.failures, broken.was_ever,
               case when due.incident_id is null and broken.was_ever
                    then (select open.incident_id
                            from kronos.incidents as open
                           where open.rule_id = due.rule_id and open.subject_id = due.subject_id
                             and open.status <> 'RESOLVED')
                    else due.incident_id end as open_id
          from due
          left join lateral (select sum(bucket.runs) as runs, sum(bucket.failures) as failures
                               from kronos.alert_counts as bucket
                              where bucket.rule_id = due.rule_id
                                and bucket.subject_id = due.subject_id
                                and bucket.bucket_at > kronos.now() - due.window_length) as counted
            on due.window_length is not null
         cross join lateral (select kronos.is_broken(due.condition, greatest(due.peak, due.streak),
                                                     due.outcomes, counted.runs, counted.failures,
                                                     due.base_at) as was_ever) as broken
    ), judged as materialized (
        select living.*, life = 'LIVE' and was_ever as was_broken,
               life <> 'GONE' and kronos.is_broken(condition, streak, outcomes, runs, failures, base_at)
                   as is_broken
          from (select known.*,
                       case when was_ever or open_id is not null or base_at is not null
                            then kronos.life_under(rule_id, kind, subject_id, workspace_id)
                            else 'LIVE' end as life      -- makes no difference
                  from known) as living
    )
    select rule_id, subject_id, workspace_id, kind, name, rule, severity, condition, says_recovered,
           open_id, case when was_broken and open_id is null then gen_random_uuid() end,
           execution_id, life,
           case when was_broken or is_broken
                then kronos.incident_detail(condition, case when is_broken then streak else peak end,
                                            outcomes, runs, failures, seconds, base_at) end,
           wait, was_broken, coalesce(is_broken, false),
           kronos.now() + case when window_length is null then interval '5 minutes'
                               else interval '1 microsecond' end,
           life = 'RESTING' and open_id is null and base_at is not null,
           life <> 'GONE'
           and (case when open_id is null then was_broken else is_broken end
                or streak > 0 or base_at is not null or outcomes <> '' or stuck_at is not null)
      from judged
$$;
