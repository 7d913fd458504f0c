-- suspend_workspace: halts the workspace of the transaction, whole or not at all: the ticks due until now are
-- accounted for, then no job of it has an entry and no execution of it is claimed. Jobs stay as they are;
-- what they are told meanwhile is done, without an entry.
-- Lock order: the workspace, its jobs, cron.job. Of 50,000 jobs: see decision 0012.
-- Returns: how many entries were removed; 0 where it is not ACTIVE.   Raises: pg_cron's errors, unchanged.
create or replace function kronos.suspend_workspace() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_workspace_id uuid := kronos.current_workspace_id();
    v_job_ids      uuid[];
    v_due          uuid[];
    v_now          timestamptz;
    v_entries      integer := 0;
begin
    perform pg_advisory_xact_lock(kronos.workspace_lock(v_workspace_id));
    if not exists (select from kronos.workspaces where workspace_id = v_workspace_id and status = 'ACTIVE') then
        return 0;
    end if;
    v_job_ids := kronos.lock_jobs(v_workspace_id);
    v_now := kronos.clock();      -- after the locks: whoever held one may have accounted for ticks since now()
    v_due := array(select pointer.job_id
                     from unnest(v_job_ids) as job_id
                    cross join lateral kronos.pointer_of(job_id) as pointer
                    where pointer.next_tick_at <= v_now
                    order by pointer.next_tick_at);
    for v_from in 1 .. cardinality(v_due) by 1000 loop      -- account_ticks' time grows with the square of a batch
        perform kronos.account_each(v_due[v_from : v_from + 999], v_now);
    end loop;
    update kronos.workspaces set version = version + 1, status = 'SUSPENDED', suspended_at = v_now where workspace_id = v_workspace_id;
    perform kronos.halt_pointers(v_workspace_id, true);
    for v_from in 1 .. cardinality(v_job_ids) by 1000 loop
        v_entries := v_entries + kronos.unregister_jobs(v_job_ids[v_from : v_from + 999]);
    end loop;
    return v_entries;
end
$$;
