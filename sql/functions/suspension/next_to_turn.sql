-- next_to_turn: the next live CRON jobs of a workspace in the order of their age, in any status, so that a
-- job whose status changes keeps its place.
-- Returns: up to p_limit.
create or replace function kronos.next_to_turn(p_workspace_id uuid, p_after_created_at timestamptz,
                                               p_after_job_id uuid, p_limit integer)
returns table (created_at timestamptz, job_id uuid)
language plpgsql stable rows 200 set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
begin
    return query
        select both_kinds.created_at, both_kinds.job_id
          from ((select job.created_at, job.job_id
                   from kronos.jobs as job
                  where job.workspace_id = p_workspace_id and job.trigger = 'CRON' and job.status = 'ACTIVE'
                    and (job.created_at, job.job_id) > (p_after_created_at, p_after_job_id)
                  order by job.created_at, job.job_id
                  limit p_limit)
                union all
                (select job.created_at, job.job_id
                   from kronos.jobs as job
                  where job.workspace_id = p_workspace_id and job.trigger = 'CRON' and job.status = 'PAUSED'
                    and (job.created_at, job.job_id) > (p_after_created_at, p_after_job_id)
                  order by job.created_at, job.job_id
                  limit p_limit)) as both_kinds
         order by both_kinds.created_at, both_kinds.job_id
         limit p_limit;
end
$$;
