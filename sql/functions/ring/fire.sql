-- fire: the command of every pg_cron entry. pg_cron only rings; the job's row decides. A late, early,
-- duplicate or lost alarm is harmless, because an execution's identity comes from the pointer
-- (kronos.pointers), never from the time at which it was found:
--
--   cron.job.command -> fire
--      -> line_up                                      serializes the alarms of a full minute: the first does
--                                                      the work of all (a firing costs 20 ms, a row 0.12)
--      -> account_all -> account_due -> account_each   which jobs are due
--                     -> catch_up    -> account_each   which ticks were missed
--                     -> pg_notify                     wakes the workers, once per transaction
--      -> raise_floor                                  where the next search for missed ticks begins
--   account_each -> account_ticks -> due_ticks
--      -> next_tick                                    which ticks are due, and what becomes of each
--
-- Locks: waits for at most one row, its own job's, and holds no other lock while it waits. Rows that other
-- sessions hold are skipped; those sessions account for them.
--
-- pg_cron calls it as kronos_cron. An operator may call it by hand: an internal job then runs immediately.
-- Returns: the executions created for delivery. 0 means that nothing was due, that the job or its workspace
-- is not ACTIVE, or that the instance is held (is_held).
create or replace function kronos.fire(p_job_id uuid) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_endpoint_type text;
    v_now           timestamptz;
    v_delivered     integer;
    v_has_own       boolean;
begin
    -- The ring of an internal job is a heartbeat, whether or not anything is due, and may take its time.
    if not exists (select from kronos.heartbeats where job_id = p_job_id) then
        if kronos.is_held() then
            return 0;
        end if;
        perform kronos.line_up();
        -- Most alarms of a full minute find that another firing has already done everything. Each alarm comes
        -- in a new session, which plans every statement from scratch, so the rest is not even planned.
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
        -- In a separate transaction: its locks, and how it ends, do not affect the ticks of other jobs. The
        -- catch-up task accounts for those.
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
