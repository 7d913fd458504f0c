-- next_to_enroll: the next p_limit jobs and heartbeats that a rule may select and that enroll_jobs has not
-- examined, in the order of their creation. Each new version of a job counts as created then, and a heartbeat
-- as created at its last change, because either may have added a tag. None if the rule judges all of them
-- together.
create or replace function kronos.next_to_enroll(p_rule kronos.alert_rules, p_limit integer)
returns table (subject_id uuid, kind text, id uuid, shown text, name text, tags text[],
               created_at timestamptz, endpoint text)
language sql stable rows 100 set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
    select found.*
      from ((select job.first_version_id, 'JOB', job.job_id, coalesce(job.name, job.title), job.name,
                    job.tags, job.created_at, endpoint.name
               from (select 'ACTIVE' as status union all select 'PAUSED') as live
              cross join lateral (select *
                                    from kronos.jobs as each
                                   where each.workspace_id = p_rule.workspace_id
                                     and each.trigger = 'CRON' and each.status = live.status
                                     and (each.created_at, each.job_id)
                                         > (p_rule.enrolled_at, p_rule.enrolled_id)
                                   order by each.created_at, each.job_id
                                   limit p_limit) as job
               join kronos.endpoints as endpoint using (endpoint_id)
              where p_rule.selector <> 'HEARTBEAT')
            union all
            (select each.heartbeat_id, 'HEARTBEAT', each.heartbeat_id, each.name, each.name, each.tags,
                    each.updated_at, null
               from kronos.beats as each
              where each.workspace_id = p_rule.workspace_id and each.deleted_at is null
                and (each.updated_at, each.heartbeat_id) > (p_rule.enrolled_at, p_rule.enrolled_id)
                and p_rule.selector in ('HEARTBEAT', 'TAG', 'WORKSPACE')
              order by each.updated_at, each.heartbeat_id
              limit p_limit)) as found (subject_id, kind, id, shown, name, tags, created_at, endpoint)
     where p_rule.per = 'JOB'
     order by found.created_at, found.id
     limit p_limit
$$;
