-- fire: what every pg_cron entry calls. pg_cron rings; the job row decides. A late, early, doubled or lost
-- alarm is harmless, because identity comes from the pointer (kronos.pointers) and never from the clock at
-- which somebody looked:
--
--   cron.job.command -> fire
--      -> line_up                                      one alarm of a full minute after another, so that the
--                                                      first do the work of all (a firing costs 20 ms, a row
--                                                      0.12)
--      -> account_all -> account_due -> account_each   which jobs are due
--                     -> catch_up    -> account_each   whose ticks were missed
--                     -> pg_notify                     wake the workers, once a transaction
--      -> raise_floor                                  where the next look for missed ticks begins
--   account_each -> account_ticks -> due_ticks
--      -> next_tick                                    with which ticks, and what becomes of each
--
-- It waits for one row at most, its own job's, and with no other locked: what other sessions hold is passed
-- over, and is theirs to account for.
--
-- pg_cron calls it as kronos_cron. An operator may call it by hand: an internal job then runs at once.
-- Returns: the executions made for delivery. 0: nothing was due, the job or its workspace is not ACTIVE, or
-- the instance is held (is_held).
create or replace function kronos.fire(p_job_id uuid) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_endpoint_type text;
    v_now           timestamptz;
    v_delivered     integer;
    v_has_own       boolean;
begin
    -- An internal job's ring is a heartbeat whatever is due, and takes its time.
    if not exists (select from kronos.heartbeats where job_id = p_job_id) then
        if kronos.is_held() then
            return 0;
        end if;
        perform kronos.line_up();
        -- What most alarms of a full minute find: another's firing has done it all. Each comes in a session
        -- of its own, which plans everything anew, so what follows is not even planned.
        if session_user = 'kronos_cron' and not kronos.is_any_due(p_job_id, kronos.clock()) then
            return 0;
        end if;
    end if;
    select endpoint.type into v_endpoint_type
      from kronos.jobs as job
      join kronos.endpoints as endpoint using (endpoint_id)
      join kronos.workspaces as workspace on workspace.workspace_id = job.workspace_id
     where job.job_id = p_job_id
       and job.status = 'ACTIVE'
       and workspace.status = 'ACTIVE';
    if not found then
        return 0;
    end if;
    if v_endpoint_type = 'INTERNAL' then
        -- In a transaction of its own: what it locks, and how it ends, is nothing to other jobs' ticks. These
        -- are the task catch-up's.
        perform from kronos.jobs where job_id = p_job_id and status = 'ACTIVE' for update;
        if found then
            perform kronos.run_internal_job(p_job_id, kronos.clock());
        end if;
        return 0;
    end if;
    v_has_own := kronos.lock_own(p_job_id);
    v_now := kronos.clock();      -- now() is the transaction's start, and we may have waited
    v_delivered := kronos.account_all(v_now);
    if v_has_own then
        v_delivered := v_delivered + kronos.account_own(p_job_id, v_now);
    end if;
    perform kronos.raise_floor(v_now) where kronos.is_alone();
    return v_delivered;
end
$$;
