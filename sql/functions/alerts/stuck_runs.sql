-- stuck_runs: executions that have waited too long to begin (LATE) or have been running too long (RUNNING),
-- at this moment. It reads everything in progress and, of what waits, as much as late_runs returns.
-- Returns: one row per rule and execution.
create or replace function kronos.stuck_runs(p_rule_ids uuid[], p_limit integer)
returns table (rule_id uuid, workspace_id uuid, per text, selector text, selected text, job_id uuid,
               execution_id uuid, seconds integer)
language plpgsql stable rows 100 set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
begin
    return query
        with rule as materialized (
            select each.*, each.condition ->> 'type' as type,
                   (each.condition ->> 'seconds')::integer as limited,
                   (each.condition ->> 'factor')::double precision as factor
              from kronos.alert_rules as each
             where each.rule_id = any (p_rule_ids) and each.condition ->> 'type' in ('LATE', 'RUNNING')
        ), waiting as (
            select live.workspace_id, live.job_id, live.endpoint_id, live.execution_id, 'LATE' as type,
                   kronos.whole_seconds(live.run_at, kronos.now()) as seconds
              from (select array_agg(distinct late.workspace_id) as workspace_ids,
                           min(late.limited) as seconds
                      from rule as late where late.type = 'LATE') as asked
             cross join lateral kronos.late_runs(asked.workspace_ids,
                                                 kronos.now() - asked.seconds * interval '1 second',
                                                 p_limit, gen_random_uuid(), 10000) as live
             where asked.seconds is not null
        ), running as (
            select live.workspace_id, live.job_id, live.endpoint_id, live.execution_id, 'RUNNING' as type,
                   kronos.whole_seconds(live.claimed_at, kronos.now()) as seconds
              from kronos.execution_live as live
             where live.claim_token is not null
               and exists (select from rule where rule.type = 'RUNNING')
        ), found as (
            select * from waiting union all select * from running
        ), selected as materialized (
            select rule.rule_id, found.workspace_id, rule.per, rule.selector, rule.selected, rule.factor,
                   job.job_id, found.execution_id, found.seconds
              from found
              join rule on rule.workspace_id = found.workspace_id and rule.type = found.type
               and found.seconds > coalesce(rule.limited, 0)
              left join kronos.jobs as job on job.job_id = found.job_id and job.trigger = 'CRON'
              join kronos.endpoints as endpoint on endpoint.endpoint_id = found.endpoint_id
             where kronos.rule_selects(rule.selector, rule.selected, 'JOB', job.name, job.first_version_id,
                                       job.tags, endpoint.name)
        ), usual as materialized (      -- once per job, however many rules ask
            select each.job_id, kronos.usual_seconds(each.job_id) as seconds
              from (select distinct selected.job_id
                      from selected
                     where selected.factor is not null and selected.job_id is not null) as each
        )
        select selected.rule_id, selected.workspace_id, selected.per, selected.selector, selected.selected,
               selected.job_id, selected.execution_id, selected.seconds
          from selected
          left join usual using (job_id)
         where (selected.factor is null or selected.seconds > selected.factor * usual.seconds)
           and not exists (select
                             from kronos.alert_notifications as said
                            where said.execution_id = selected.execution_id);
end
$$;
