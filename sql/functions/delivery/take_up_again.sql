-- take_up_again: makes a failed, cancelled or expired execution of a workspace due again, under its own id,
-- so that its receiver sees the same idempotency key. Its attempts continue to count, up to as many more as
-- the endpoint version that it goes to allows: the latest, or with p_endpoint_version 'same' the one that it
-- had. If the job's runs must not overlap now, it is held back, and released immediately if there is no other
-- run (release_next). A COMPLETED one-shot becomes ACTIVE again. A deadline counts from now.
-- The row of the job's newest version is locked first, as by a session that cancels it: so a job that is
-- being cancelled gets no run.
-- Returns: null if it is due; otherwise why not: absent, not_failed, job_cancelled, attempts_used_up,
-- workspace_suspended, quota_exceeded, name_taken (a one-shot's name belongs to another live job by now).
-- Raises: KR040, in a request of a workspace with quotas, if its executions per day are used up; KR012 if its
-- endpoint was deleted (require_live_endpoint); 23505 if another session takes the name at the same time;
-- 55P03 if other sessions hold what the day has left.
create or replace function kronos.take_up_again(p_workspace_id uuid, p_execution_id uuid,
                                                p_endpoint_version text)
returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
-- so that the id names one partition
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_done    record;
    v_newest  kronos.jobs;
    v_failed  kronos.execution_done;
    v_made_of kronos.endpoint_versions;
begin
    select job.first_version_id into v_done
      from kronos.execution_done as done
     cross join lateral kronos.job_rows(done.job_id) as job
     where done.execution_id = p_execution_id
       and done.workspace_id = p_workspace_id
       and done.status in ('FAILED', 'CANCELLED', 'EXPIRED');
    if not found then      -- it may be on other machines, which failed executions never wait for
        select job.first_version_id into v_done
          from kronos.execution_done as done
         cross join lateral kronos.job_rows(done.job_id) as job
         where done.execution_id = p_execution_id
           and done.workspace_id = p_workspace_id;
    end if;
    if not found then
        return 'absent';
    end if;
    v_newest := kronos.lock_newest(v_done.first_version_id);
    if v_newest.status_reason ->> 'code' = 'cancelled' then
        return 'job_cancelled';
    end if;
    if not exists (select from kronos.workspaces
                    where workspace_id = p_workspace_id and status = 'ACTIVE') then
        return 'workspace_suspended';
    end if;
    -- Locked: a backfill may be making it due again (redrive).
    select * into v_failed
      from kronos.execution_done
     where execution_id = p_execution_id and status in ('FAILED', 'CANCELLED', 'EXPIRED')
       for update;
    if not found then
        return 'not_failed';
    end if;
    select made_of.* into strict v_made_of
      from kronos.endpoints as endpoint
      join kronos.endpoint_versions as made_of
        on made_of.endpoint_id = endpoint.endpoint_id
       and made_of.version = case p_endpoint_version when 'same' then v_failed.endpoint_version
                                                     else endpoint.version end
     where endpoint.endpoint_id = v_failed.endpoint_id;
    if v_failed.attempt_count >= kronos.most_attempts() then
        return 'attempts_used_up';
    end if;
    if v_newest.trigger <> 'CRON' and v_newest.status = 'COMPLETED'
    and exists (select from kronos.jobs as namesake
                 where namesake.workspace_id = p_workspace_id and namesake.name = v_newest.name
                   and namesake.status in ('ACTIVE', 'PAUSED')) then
        return 'name_taken';
    end if;
    if not kronos.count_another(p_workspace_id) then
        return 'quota_exceeded';
    end if;
    perform kronos.requeue(v_failed, v_newest, v_made_of);
    return null;
end
$$;
