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
    c_most_attempts constant integer := 32767;      -- the column's maximum
    v_done     record;
    v_newest   kronos.jobs;
    v_failed   kronos.execution_done;
    v_made_of  record;
    v_refusal  jsonb;
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
    loop      -- a version committed before we had the lock is not the one that we locked
        select * into v_newest
          from kronos.jobs
         where job_id = (select job_id
                           from kronos.jobs
                          where first_version_id = v_done.first_version_id
                          order by version desc
                          limit 1)
           for no key update;
        if not found then      -- a one-shot without a row: it is only its execution, locked below
            select * into v_newest from kronos.one_shot_rows(array[v_done.first_version_id]);
            exit;
        end if;
        exit when v_newest.job_id = (select job_id
                                       from kronos.jobs
                                      where first_version_id = v_done.first_version_id
                                      order by version desc
                                      limit 1);
    end loop;
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
    select made_of.version, made_of.max_attempts, made_of.max_crashes,
           made_of.timeout_ms into strict v_made_of
      from kronos.endpoints as endpoint
      join kronos.endpoint_versions as made_of
        on made_of.endpoint_id = endpoint.endpoint_id
       and made_of.version = case p_endpoint_version
                                  when 'same' then v_failed.endpoint_version
                                  else endpoint.version end
     where endpoint.endpoint_id = v_failed.endpoint_id;
    if v_failed.attempt_count >= c_most_attempts then
        return 'attempts_used_up';
    end if;
    if v_newest.trigger <> 'CRON' and v_newest.status = 'COMPLETED'
    and exists (select from kronos.jobs as namesake
                 where namesake.workspace_id = p_workspace_id and namesake.name = v_newest.name
                   and namesake.status in ('ACTIVE', 'PAUSED')) then
        return 'name_taken';
    end if;
    if current_setting('kronos.quotas', true) = 'on' then
        perform kronos.count_executions(p_workspace_id, 1);
    elsif kronos.has_daily_quota(p_workspace_id) then
        v_refusal := kronos.take_executions(p_workspace_id, 1);
        if v_refusal ? 'is_held' then
            raise exception using errcode = 'lock_not_available',
                                  message = 'other sessions hold the last executions of the workspace''s day';
        elsif v_refusal is not null then
            return 'quota_exceeded';
        end if;
    end if;
    update kronos.jobs
       set status = 'ACTIVE', runs = 0
     where job_id = v_failed.job_id and trigger <> 'CRON' and status = 'COMPLETED';
    delete from kronos.execution_done
     where execution_id = p_execution_id and status in ('FAILED', 'CANCELLED', 'EXPIRED');
    delete from kronos.dead_letters where execution_id = p_execution_id;
    insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version,
                                       cause, scheduled_at, run_at, created_at, visible_at, attempt_count,
                                       max_attempts, max_crashes, timeout_ms, started_at, input, error,
                                       overlap_key, backfill_id, deadline_at,
                                       priority, created_by)
    values (v_failed.execution_id, v_failed.workspace_id, v_failed.job_id, v_failed.endpoint_id,
            v_made_of.version, v_failed.cause,
            v_failed.scheduled_at, v_failed.run_at, v_failed.created_at,
            case when v_newest.overlap = 'ALLOW' then kronos.now() else 'infinity' end,
            v_failed.attempt_count,
            least(v_failed.attempt_count::integer + v_made_of.max_attempts, c_most_attempts),
            v_made_of.max_crashes, v_made_of.timeout_ms, v_failed.started_at, v_failed.input, v_failed.error,
            case when v_newest.overlap <> 'ALLOW' then v_newest.first_version_id end, v_failed.backfill_id,
            kronos.now() + make_interval(secs => v_newest.deadline_seconds), v_failed.priority,
            v_failed.created_by)
        -- it was in the queue too (a restored copy), and is due there
        on conflict (execution_id) do nothing;
    perform pg_notify('kronos_work', '');
    return null;
end
$$;
