-- cancel_job: retires the job that settle_ticks has just settled, if it is live, and removes its pg_cron
-- entry. Its unfinished executions, and those of its older versions, are cancelled (cancel_runs), and so are
-- its backfills (stop_backfills). A one-shot's execution is locked before its job, as when a worker finishes
-- it (cancel_one_shot).
-- Runs as the caller: row level security applies. Lock order: jobs (settle_ticks holds it already),
-- chains_lock, backfills, executions.
-- Returns: the job and the number of entries removed; no row if the job is not live.
-- Raises: KR035 if callbacks of other jobs run it; pg_cron's errors, unchanged.
create or replace function kronos.cancel_job() returns table (job_id uuid, entries integer)
language plpgsql volatile security invoker rows 1 set search_path = pg_catalog, pg_temp
as $$
declare
    v_job_id constant uuid := kronos.settled_job_id();
    v_first_version_id uuid;
    v_callers text;
begin
    update kronos.jobs as job
       set status = 'RETIRED', status_reason = jsonb_build_object('code', 'cancelled',
                                                                  'detail', 'cancelled over the API')
     where job.job_id = v_job_id
       and job.workspace_id = kronos.current_workspace_id()
       and job.trigger = 'CRON'
       and job.status in ('ACTIVE', 'PAUSED')
    returning job.first_version_id into v_first_version_id;
    if not found then
        return query select one_shot, 0 from kronos.cancel_one_shot(v_job_id) as one_shot
                      where one_shot is not null;
        return;
    end if;
    -- a session that is about to name it has committed, or will find that it has ended (resolve_callbacks)
    perform pg_advisory_xact_lock_shared(kronos.chains_lock(kronos.current_workspace_id()));
    v_callers := kronos.callers_named(null, v_first_version_id);
    if v_callers is not null then
        raise sqlstate 'KR035' using
            message = format('the job is run by callbacks of these live jobs: %s', v_callers);
    end if;
    perform kronos.cancel_runs(array(select version.job_id
                                       from kronos.jobs as version
                                      where version.first_version_id = v_first_version_id),
                               jsonb_build_object('code', 'job_cancelled',
                                                  'detail', 'its job was cancelled'));
    job_id := v_job_id;
    entries := kronos.unregister_pg_cron(v_job_id)::integer;
    return next;
end
$$;
