-- require_job: an execution is of a job that is there, and a job goes only when none of its executions is
-- unfinished, no matter who writes. What a foreign key would say, whose name this is, but that a one-shot may
-- be its own job, without a row in kronos.jobs. The job's key share lock is the foreign key's: of an
-- execution and a deletion at the same time the second waits for the first, and finds it.
-- A run by hand, and one of a one-shot with a row, is counted here where the transaction's workspace has
-- quotas: a trigger of its own would cost each execution that needs none 0.4 us.
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
    perform from kronos.jobs where job_id = new.job_id and workspace_id = new.workspace_id for key share;
    if not found then
        raise exception 'the job % of execution % is not there', new.job_id, to_jsonb(new) ->> 'execution_id'
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
