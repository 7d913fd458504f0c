-- complete_one_shots: a one-shot that has a row in kronos.jobs is COMPLETED there when its execution reaches
-- a final state, in the same transaction, no matter who ends it. Once a statement; where all that finished
-- are ticks, or one-shots that have no row, it has nothing to look up. The one-shots are looked up one by
-- one, by key, in a lateral that its lock keeps from being joined otherwise: the planner takes the ACTIVE
-- one-shots to be one row and read all of them for each finished one (3,000 active: 72 ms a batch of 83
-- against 3).
create or replace function kronos.complete_one_shots() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
as $$
begin
    if not exists (select from finished
                    where finished.cause = 'API' and finished.job_id <> finished.execution_id) then
        return null;
    end if;
    update kronos.jobs as job
       set status = 'COMPLETED', last_run_at = coalesce(ended.started_at, job.last_run_at), runs = 1
      from (select finished.job_id, finished.started_at
              from finished
             cross join lateral (select from kronos.jobs as one_shot
                                  where one_shot.job_id = finished.job_id
                                    and one_shot.trigger <> 'CRON'
                                    and one_shot.status = 'ACTIVE'
                                    for update) as locked
             where finished.cause = 'API'
               and finished.job_id <> finished.execution_id) as ended
     where job.job_id = ended.job_id;
    return null;
end
$$;
create or replace trigger execution_done_completes_one_shots
    after insert on kronos.execution_done referencing new table as finished
    for each statement execute function kronos.complete_one_shots();
