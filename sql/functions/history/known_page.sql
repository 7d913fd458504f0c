-- known_page: the finished executions among those given that belong to a workspace (or to some versions of a
-- job, if p_job_ids are given), match the filters and come after a place in the list. As done_page, but for
-- known ids: each is read from the partition that its id names.
-- Returns: in no order. Runs as the caller: row level security applies.
create or replace function kronos.known_page(p_workspace_id uuid, p_job_ids uuid[], p_execution_ids uuid[],
                                             p_status text, p_scheduled_after timestamptz,
                                             p_scheduled_before timestamptz, p_before_created_at timestamptz,
                                             p_before_id uuid)
returns table (execution_id uuid, created_at timestamptz)
language plpgsql stable rows 25 security invoker set search_path = pg_catalog, pg_temp
as $$
begin
    return query
        select done.execution_id, done.created_at
          from kronos.done_among(p_execution_ids) as done
         where done.workspace_id = p_workspace_id
           and (p_job_ids is null or done.job_id = any (p_job_ids))
           and (p_status is null or done.status = p_status)
           and (p_scheduled_after is null or done.scheduled_at > p_scheduled_after)
           and (p_scheduled_before is null or done.scheduled_at < p_scheduled_before)
           and (done.created_at, done.execution_id) < (p_before_created_at, p_before_id);
end
$$;
