-- resume_workspace: lets the suspended workspace of the transaction go on, whole or not at all: each job's
-- ticks of the suspension are recorded as skipped, its entry is registered, and the executions that waited
-- are due for the workers.
-- Lock order: the workspace, its jobs, cron.job. Of 50,000 jobs: see decision 0012.
-- Returns: how many jobs were registered; 0 where it is not SUSPENDED.   Raises: pg_cron's errors, unchanged.
create or replace function kronos.resume_workspace() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_workspace_id uuid := kronos.current_workspace_id();
    v_job_ids      uuid[];
    v_now          timestamptz;
begin
    perform pg_advisory_xact_lock(kronos.workspace_lock(v_workspace_id));
    if not exists (select from kronos.workspaces where workspace_id = v_workspace_id and status = 'SUSPENDED') then
        return 0;
    end if;
    v_job_ids := kronos.lock_jobs(v_workspace_id);
    v_now := kronos.clock();
    for v_from in 1 .. cardinality(v_job_ids) by 1000 loop
        perform kronos.skip_each(v_job_ids[v_from : v_from + 999], v_now);
    end loop;
    update kronos.workspaces set version = version + 1, status = 'ACTIVE', suspended_at = null where workspace_id = v_workspace_id;
    perform kronos.halt_pointers(v_workspace_id, false);
    for v_from in 1 .. cardinality(v_job_ids) by 1000 loop
        perform kronos.register_each(v_job_ids[v_from : v_from + 999]);
    end loop;
    perform pg_notify('kronos_work', 'old');      -- it has been due for long: a look that begins where claims ended passes it over
    return cardinality(v_job_ids);
end
$$;
