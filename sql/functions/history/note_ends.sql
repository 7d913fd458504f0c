-- note_ends: reports ends of executions, given by their columns, to evaluate_alerts, which saves a trigger:
-- one row of kronos.alert_ends per workspace with alert rules. Excluded are executions of backfills, which
-- report their own outcome, and tests of an endpoint. For an execution that never began, the delay is up to
-- its end.
create or replace function kronos.note_ends(p_workspace_ids uuid[], p_job_ids uuid[], p_execution_ids uuid[],
                                            p_endpoint_ids uuid[], p_causes text[], p_statuses text[],
                                            p_run_at timestamptz[], p_started_at timestamptz[],
                                            p_completed_at timestamptz[])
returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
-- arrays of one element would be planned for at each call, which costs three times the rest
set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
begin
    insert into kronos.alert_ends (workspace_id, subject_ids, execution_ids, endpoint_ids, statuses,
                                   late_seconds, ran_seconds, ended_at)
    select rule.workspace_id, array_agg(ended.job_id), array_agg(ended.execution_id),
           array_agg(ended.endpoint_id), array_agg(ended.status),
           array_agg(kronos.whole_seconds(ended.run_at, coalesce(ended.started_at, ended.completed_at))),
           array_agg(kronos.whole_seconds(ended.started_at, ended.completed_at)), kronos.now()
      from (select distinct each.workspace_id
              from kronos.alert_rules as each
             where each.is_enabled and each.workspace_id = any (p_workspace_ids)) as rule
      join unnest(p_workspace_ids, p_job_ids, p_execution_ids, p_endpoint_ids, p_causes, p_statuses, p_run_at,
                  p_started_at, p_completed_at)
               as ended (workspace_id, job_id, execution_id, endpoint_id, cause, status, run_at, started_at,
                         completed_at)
        on ended.workspace_id = rule.workspace_id
     where ended.status in ('SUCCESS', 'FAILED', 'EXPIRED', 'MISSED')
       and ended.cause <> 'BACKFILL'
       and not kronos.is_test(ended.execution_id)
     group by rule.workspace_id;
end
$$;
