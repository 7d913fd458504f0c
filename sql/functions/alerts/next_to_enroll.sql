-- next_to_enroll: of the jobs and heartbeats that a rule may be about the next p_limit that enroll_jobs has
-- not looked at, in the order in which they were made: a job's next version is made anew, and a heartbeat
-- counts from its last change, as that may have given it a tag. None where the rule is about all together.
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
