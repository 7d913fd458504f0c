-- take_ends: adds what has ended since the last evaluation, up to p_limit noted rows, to the states of the
-- rules it concerns, and deletes those rows, in one statement: each end counts once, whatever crashes. A
-- subject without a state gets one if it broke the rule, or if the condition needs every run. Windows
-- (FAILURE_RATE) are counted in buckets of a twelfth.
-- Ends of a workspace stay for the next evaluation if one of its rules is left out because another session is
-- changing it.
-- Returns: the number of rows taken.
create or replace function kronos.take_ends(p_rule_ids uuid[], p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_taken kronos.alert_ends[];
    v_held  constant uuid[] := kronos.held_workspaces(p_rule_ids);
begin
    with gone as (
        delete from kronos.alert_ends
         where end_id = any (array(select noted.end_id
                                     from kronos.alert_ends as noted
                                    where noted.workspace_id <> all (v_held)
                                    order by noted.end_id limit p_limit))
        returning alert_ends.*
    )
    select array_agg(gone::kronos.alert_ends order by end_id) into v_taken from gone;
    if v_taken is null or p_rule_ids = '{}' then
        return coalesce(cardinality(v_taken), 0);
    end if;
    with ended as materialized (
        select ended.*, rule.condition, rule.condition ->> 'type' as type,
               coalesce((rule.condition ->> 'runs')::integer, 0) as runs,
               (rule.condition ->> 'window_seconds')::integer * interval '1 second' as window_length
          from kronos.alert_ends_of(v_taken, p_rule_ids) as ended
          join kronos.alert_rules as rule using (rule_id)
    ), counted as (
        insert into kronos.alert_counts as old (rule_id, subject_id, bucket_at, workspace_id, runs, failures)
        select rule_id, subject_id, date_bin(window_length / 12, kronos.now(), 'epoch'), workspace_id,
               length(letters), length(replace(letters, 'O', ''))
          from ended where window_length is not null
            on conflict (rule_id, subject_id, bucket_at) do update
           set runs = old.runs + excluded.runs, failures = old.failures + excluded.failures
    ), folded as materialized (
        select ended.*, known.incident_id, repeat('B', coalesce(known.streak, 0)) || letters as whole,
               case when runs > 0 then right(coalesce(known.outcomes, '') || letters, runs) else '' end
                   as outcomes
          from ended
          left join lateral (select each.* from kronos.alert_states as each
                              where each.rule_id = ended.rule_id and each.subject_id = ended.subject_id
                             offset 0) as known on true
         where known.rule_id is not null or letters like '%B%' or type in ('FAILURE_RATE', 'NO_SUCCESS')
    )
    insert into kronos.alert_states as state (rule_id, subject_id, workspace_id, kind, name, streak, peak,
                                              outcomes, seconds, base_at, execution_id, since, due_at)
    select rule_id, subject_id, workspace_id, kind, name,
           least(length(whole) - length(rtrim(whole, 'B')), 1000), least(kronos.longest_breach(whole), 1000),
           outcomes, seconds, case when type = 'NO_SUCCESS' then succeeded_at end, execution_id, since,
           case when incident_id is not null then kronos.now()
                when type = 'NO_SUCCESS'
                    then succeeded_at + (condition ->> 'seconds')::integer * interval '1 second'
                when runs = 0 or outcomes like '%B%' then kronos.now() end
      from folded
        on conflict (rule_id, subject_id) do update
       set name = excluded.name, streak = excluded.streak, peak = greatest(state.peak, excluded.peak),
           outcomes = excluded.outcomes, seconds = coalesce(excluded.seconds, state.seconds),
           base_at = greatest(state.base_at, excluded.base_at),
           execution_id = coalesce(excluded.execution_id, state.execution_id),
           since = case when state.streak > 0 then state.since else excluded.since end,
           -- a success postpones the deadline only when the state is judged, so that no index is written here
           due_at = case when state.base_at is not null and state.incident_id is null then state.due_at
                         else excluded.due_at end;
    return cardinality(v_taken);
end
$$;
