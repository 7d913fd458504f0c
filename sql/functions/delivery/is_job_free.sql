-- is_job_free: whether an execution can end at this moment without waiting for its job's row: the row of a
-- one-shot that has one is changed when its execution ends (complete_one_shots). If no other session has
-- locked the execution or that row, both are locked here, in this order: of an execution that another session
-- is ending, the job's row must stay free for that session. For those who end the executions of all
-- workspaces together: one row that a session holds must not stop the others.
create or replace function kronos.is_job_free(p_live kronos.execution_live) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
as $$
begin
    if p_live.cause <> 'API' or p_live.job_id = p_live.execution_id then
        return true;
    end if;
    perform from kronos.execution_live as live
      where live.execution_id = p_live.execution_id
        for update skip locked;
    if not found then
        return false;
    end if;
    perform from kronos.jobs as job where job.job_id = p_live.job_id for update skip locked;
    return found or not exists (select from kronos.jobs as job where job.job_id = p_live.job_id);
end
$$;
