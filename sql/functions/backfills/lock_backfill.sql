-- lock_backfill: takes the locks that a RUNNING backfill's next step needs: its job's, its own and, if runs
-- of the job must not overlap, that of the job's newest version, which every session that adds to an overlap
-- key holds (admit_run). It waits for none of them. Lock order: jobs, then backfills, as when a job is
-- cancelled (stop_backfills): an execution's foreign key locks the job's row.
-- Returns: the backfill's row as it is now; null if another session holds one of the locks, it is not
-- RUNNING, or the caller who started it is no longer allowed to do this.
create or replace function kronos.lock_backfill(p_backfill_id uuid) returns kronos.backfills
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_job      kronos.jobs;
    v_newest   record;
    v_backfill kronos.backfills;
begin
    if kronos.left_by_caller(p_backfill_id) then
        return null;
    end if;
    select * into v_job
      from kronos.jobs
     where job_id = (select job_id
                       from kronos.backfills
                      where backfill_id = p_backfill_id
                        and status = 'RUNNING'
                        -- without the setting: all workspaces
                        and workspace_id = coalesce(kronos.current_workspace_id(), workspace_id))
       for key share skip locked;
    -- One backfill of a job at a time, so that two of them cannot both consider a tick not run.
    if v_job.job_id is null
    or not pg_try_advisory_xact_lock(hashtextextended('kronos.advance_backfill', 0)
                                     # hashtextextended(v_job.first_version_id::text, 0)) then
        return null;
    end if;
    select job_id, overlap into v_newest
      from kronos.jobs where first_version_id = v_job.first_version_id order by version desc limit 1;
    if v_newest.overlap <> 'ALLOW' then
        perform from kronos.jobs where job_id = v_newest.job_id for no key update skip locked;
        if not found
        or v_newest.job_id <> (select job_id
                                 from kronos.jobs
                                where first_version_id = v_job.first_version_id
                                order by version desc
                                limit 1) then
            return null;
        end if;
    end if;
    select * into v_backfill
      from kronos.backfills where backfill_id = p_backfill_id and status = 'RUNNING' for update skip locked;
    return v_backfill;
end
$$;
