-- require_job: requires that an execution belongs to an existing job, and that a job is deleted only if none
-- of its executions is unfinished, whatever statement writes. It acts as a foreign key, whose name its errors
-- carry, except that a one-shot may be its own job, without a row in kronos.jobs. It takes a foreign key's
-- key share lock on the job: if an execution is inserted while its job is deleted, the second session waits
-- for the first, and sees the result.
-- A run by hand, or of a one-shot with a row, is counted here if the transaction's workspace has quotas: a
-- separate trigger would cost each execution that needs none 0.4 us.
-- Raises: 23503; KR040, KR041.
create or replace function kronos.require_job() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'DELETE' then
        if exists (select from kronos.execution_live
                    where job_id = old.job_id and job_id <> execution_id) then
            raise exception 'job % has an unfinished execution', old.job_id
                using errcode = 'foreign_key_violation', schema = 'kronos', table = 'execution_live',
                      constraint = 'execution_live_job_fkey';
        end if;
        return null;
    end if;
    -- by the key alone: a plan that was made while there were few jobs could otherwise read an index of all
    -- of the workspace's jobs, for each of its executions
    perform from kronos.jobs
      where job_id = new.job_id and workspace_id is not distinct from new.workspace_id
        for key share;
    if not found then
        raise exception 'job % of execution % does not exist', new.job_id, to_jsonb(new) ->> 'execution_id'
            using errcode = 'foreign_key_violation', schema = 'kronos', table = 'execution_live',
                  constraint = 'execution_live_job_fkey';
    end if;
    if new.cause in ('MANUAL', 'API') and tg_op = 'INSERT' and new.attempt_count = 0
    and current_setting('kronos.quotas', true) = 'on' then
        perform kronos.count_run(new.workspace_id, new.input);
    end if;
    return null;
end
$$;
create or replace trigger executions_need_a_job
    after insert or update of execution_id, workspace_id, job_id on kronos.execution_live
    for each row when (new.job_id <> new.execution_id) execute function kronos.require_job();
create or replace trigger jobs_keep_their_executions
    after delete on kronos.jobs
    for each row execute function kronos.require_job();
