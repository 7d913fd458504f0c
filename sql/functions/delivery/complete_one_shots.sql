-- complete_one_shots: makes a one-shot with a row in kronos.jobs COMPLETED when its execution reaches a final
-- state, in the same transaction, whatever ended it; and creates callbacks (call_back). It runs once per
-- statement. If everything that finished is a one-shot without a row, it looks nothing up; for ticks it reads
-- one index, of the jobs with callbacks. It is one trigger and not two because each costs a statement 0.14 ms
-- (decision 0044).
--
-- The one-shots are looked up one by one, by key, in a lateral whose lock keeps it from being joined
-- otherwise: the planner estimates one ACTIVE one-shot, and would read all of them for each finished one
-- (with 3,000 active: 72 ms for a batch of 83, against 3 ms). Whether a job has callbacks is a subquery with
-- a limit, so that the planner does not hash all jobs that have some.
create or replace function kronos.complete_one_shots() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
as $$
declare
    v_calling uuid[];
begin
    if not exists (select from finished where finished.job_id <> finished.execution_id) then
        return null;      -- nearly always, without reading another table: opening one takes 0.02 ms
    end if;
    if not exists (select
                     from finished
                    where finished.job_id <> finished.execution_id
                      and case when finished.cause = 'API' then true
                               else (select true
                                       from kronos.job_callbacks as called
                                      where called.job_id = finished.job_id
                                      limit 1) end) then
        return null;
    end if;
    with completed as (
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
         where job.job_id = ended.job_id
    )
    select array_agg(finished.execution_id) into v_calling
      from finished
     where finished.job_id <> finished.execution_id
       and (select true
              from kronos.job_callbacks as called
             where called.job_id = finished.job_id
             limit 1);
    if v_calling is not null then
        perform kronos.call_back(v_calling);
    end if;
    return null;
end
$$;
create or replace trigger execution_done_completes_one_shots
    after insert on kronos.execution_done referencing new table as finished
    for each statement execute function kronos.complete_one_shots();
