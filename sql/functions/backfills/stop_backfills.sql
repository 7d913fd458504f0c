-- stop_backfills: when a job is cancelled, by whatever statement, its backfills are cancelled in the same
-- transaction. Their waiting runs are cancelled, or become FAILED again if they were that before
-- (give_back_failed); runs in progress get no other attempt. If there are very many, all unfinished runs of
-- the job versions concerned are cancelled in steps (cancel_runs).
-- A job that was replaced, or that reached its end (ends_at, max_runs), does not cancel its backfills: a
-- backfill continues with the version that it was created from.
create or replace function kronos.stop_backfills() returns trigger
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    c_at_once constant integer := 1000;
    c_reason  constant jsonb   := jsonb_build_object('code', 'job_cancelled',
                                                     'detail', 'its job was cancelled');
    v_backfill_ids  uuid[];
    v_execution_ids uuid[];
begin
    with stopped as (
        update kronos.backfills
           set status = 'CANCELLED', status_reason = c_reason, completed_at = kronos.clock()
         where first_version_id = new.first_version_id and status = 'RUNNING'
        returning backfill_id
    )
    select array_agg(backfill_id) into v_backfill_ids from stopped;
    if v_backfill_ids is null then
        return null;
    end if;
    perform kronos.give_back_failed(stopped.backfill_id)
       from unnest(v_backfill_ids) as stopped (backfill_id);
    v_execution_ids := array(select execution_id
                               from kronos.execution_live
                              where backfill_id = any (v_backfill_ids)
                              limit c_at_once + 1);
    if cardinality(v_execution_ids) <= c_at_once then
        perform kronos.cancel_executions(v_execution_ids, c_reason);
    else
        perform kronos.cancel_runs(array(select distinct job_id
                                           from kronos.backfills
                                          where backfill_id = any (v_backfill_ids)), c_reason);
    end if;
    return null;
end
$$;
create or replace trigger jobs_cancel_backfills
    after update of status on kronos.jobs
    for each row when (old.status in ('ACTIVE', 'PAUSED')
                       and new.status = 'RETIRED'
                       and new.status_reason ->> 'code' = 'cancelled')
    execute function kronos.stop_backfills();
