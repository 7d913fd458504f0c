-- enroll_jobs: the jobs that a NO_SUCCESS waits for get their states, up to p_limit a rule at a time in the
-- order in which they were made: each is counted from when it is found. At the end it looks again at those of
-- the last ten minutes, each time, which may have been committed late.
create or replace function kronos.enroll_jobs(p_rule_ids uuid[], p_limit integer) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_rule  kronos.alert_rules;
    v_until timestamptz;
    v_id    uuid;
    v_seen  integer;
begin
    for v_rule in
        select * from kronos.alert_rules as rule
         where rule.rule_id = any (p_rule_ids) and rule.condition ->> 'type' = 'NO_SUCCESS'
    loop
        with seen as materialized (
            select job.job_id, job.first_version_id, job.name, job.title, job.tags, job.created_at,
                   endpoint.name as endpoint
              from (select 'ACTIVE' as status union all select 'PAUSED') as live
             cross join lateral (select *
                                   from kronos.jobs as each
                                  where each.workspace_id = v_rule.workspace_id
                                    and each.trigger = 'CRON' and each.status = live.status
                                    and (each.created_at, each.job_id)
                                        > (v_rule.enrolled_at, v_rule.enrolled_id)
                                  order by each.created_at, each.job_id
                                  limit p_limit) as job
              join kronos.endpoints as endpoint using (endpoint_id)
             where v_rule.per = 'JOB' and v_rule.selector <> 'HEARTBEAT'
             order by job.created_at, job.job_id
             limit p_limit
        ), made as (
            insert into kronos.alert_states (rule_id, subject_id, workspace_id, kind, name, base_at, due_at)
            select v_rule.rule_id, subject.id, v_rule.workspace_id, subject.kind, subject.name, kronos.now(),
                   kronos.now() + (v_rule.condition ->> 'seconds')::integer * interval '1 second'
              from (select seen.first_version_id as id, 'JOB' as kind, coalesce(seen.name, seen.title) as name
                      from seen
                     where kronos.rule_selects(v_rule.selector, v_rule.selected, 'JOB', seen.name,
                                               seen.first_version_id, seen.tags, seen.endpoint)
                     union all
                    select v_rule.rule_id, v_rule.selector, v_rule.selected where v_rule.per = 'ALL')
                       as subject
                on conflict (rule_id, subject_id) do nothing
        )
        select max(created_at), (array_agg(job_id order by created_at desc, job_id desc))[1], count(*)
          into v_until, v_id, v_seen from seen;
        update kronos.alert_rules
           set enrolled_at = case when v_seen < p_limit then kronos.now() - interval '10 minutes'
                                  else v_until end,
               enrolled_id = case when v_seen < p_limit then enrolled_id else v_id end
         where rule_id = v_rule.rule_id
           and (v_seen = p_limit or enrolled_at < kronos.now() - interval '20 minutes');
    end loop;
end
$$;
