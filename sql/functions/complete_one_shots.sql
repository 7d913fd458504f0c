-- complete_one_shots: a one-shot job is COMPLETED when its execution reaches a final state, in the same transaction, whoever ends it.
-- Called by: the trigger below, once a statement.
create or replace function kronos.complete_one_shots() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    update kronos.jobs as job
       set status = 'COMPLETED', last_run_at = coalesce(finished.started_at, job.last_run_at), runs = 1
      from finished
     where job.job_id = finished.job_id
       and job.trigger <> 'CRON'
       and job.status = 'ACTIVE'
       and finished.cause <> 'MANUAL';
    return null;
end
$$;
create or replace trigger execution_done_completes_one_shots
    after insert on kronos.execution_done referencing new table as finished
    for each statement execute function kronos.complete_one_shots();
