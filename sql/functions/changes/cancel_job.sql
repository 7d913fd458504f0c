-- cancel_job: retires the job that settle_ticks has just settled, if it is live, and removes its pg_cron
-- entry; its unfinished executions, and those of its older versions, are cancelled (cancel_executions), and
-- so are its backfills (stop_backfills).
-- A one-shot's execution is locked before its job, as when a worker ends it. A live one without an execution
-- was retried by hand just now, so it is looked at again. One that has no row in kronos.jobs gets one: its
-- execution cannot say that the job was cancelled.
-- As the caller, so row level security holds.   Returns: the job and how many entries were removed; no row
-- where nothing live was there.   Raises: pg_cron's errors, unchanged.   Lock order: executions, jobs (of a
-- CRON job settle_ticks holds it already), backfills.
create or replace function kronos.cancel_job() returns table (job_id uuid, entries integer)
language plpgsql volatile security invoker rows 1 set search_path = pg_catalog, pg_temp
as $$
declare
    v_job_id     uuid := kronos.settled_job_id();
    v_unfinished uuid[];
    v_trigger    text;
begin
    perform from kronos.execution_live as live
      where live.execution_id = v_job_id
        and live.job_id = v_job_id
        and live.workspace_id = kronos.current_workspace_id()
        for update;
    if found then
        insert into kronos.jobs select * from kronos.one_shot_rows(array[v_job_id]);
    end if;
    for v_look in 1 .. 3 loop
        v_unfinished := array(
            select live.execution_id
              from kronos.execution_live as live
             where live.job_id = any (array(select version.job_id
                                              from kronos.jobs as version
                                             where version.first_version_id
                                                   = (select job.first_version_id
                                                        from kronos.jobs as job
                                                       where job.job_id = v_job_id
                                                         and job.workspace_id
                                                             = kronos.current_workspace_id())))
             order by live.execution_id
               for update);
        select job.trigger into v_trigger
          from kronos.jobs as job
         where job.job_id = v_job_id
           and job.workspace_id = kronos.current_workspace_id()
           and job.status in ('ACTIVE', 'PAUSED')
           for no key update;
        if not found then
            return;
        end if;
        exit when v_trigger = 'CRON' or v_unfinished <> '{}';
    end loop;
    perform kronos.cancel_executions(v_unfinished, jsonb_build_object('code', 'job_cancelled',
                                                                      'detail', 'its job was cancelled'));
    update kronos.jobs as job
       set status = 'RETIRED', status_reason = jsonb_build_object('code', 'cancelled',
                                                                  'detail', 'cancelled over the API')
     where job.job_id = v_job_id;
    job_id := v_job_id;
    entries := case when v_trigger = 'CRON' then kronos.unregister_pg_cron(v_job_id)::integer else 0 end;
    return next;
end
$$;
