-- turn_workspace: set a workspace to SUSPENDED, or to ACTIVE again, at this instant. It does only that,
-- whatever the workspace contains: from the commit on workers and rings go by its row. Its jobs follow in
-- steps (turn_some), and the instant decides their ticks (follow_turns). A firing whose transaction begins
-- while this one commits counts as earlier.
-- Lock order: the workspace's lock, its row.
-- Returns: whether it changed the status; false if it already had that status, or is deleted.
-- Raises: 55P03 if its jobs have yet to follow twenty earlier suspensions and resumptions.
create or replace function kronos.turn_workspace(p_workspace_id uuid, p_status text) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    c_at_most constant integer := 20;
    v_workspace kronos.workspaces;
    v_instants  timestamptz[];
    v_now       timestamptz;
    v_jobs      bigint;
begin
    perform pg_advisory_xact_lock(kronos.workspace_lock(p_workspace_id));
    select * into v_workspace from kronos.workspaces where workspace_id = p_workspace_id for no key update;
    if v_workspace.status is null or v_workspace.status in (p_status, 'DELETED') then
        return false;
    end if;
    v_instants := coalesce((select turn.instants
                              from kronos.turns as turn
                             where turn.workspace_id = v_workspace.workspace_id
                               for update),
                           array_remove(array[v_workspace.suspended_at], null));
    if cardinality(v_instants) >= c_at_most then
        raise exception 'the jobs of workspace % are still following its last % suspensions and resumptions: '
                        'wait until jobs_left is 0', v_workspace.slug, cardinality(v_instants)
            using errcode = 'lock_not_available';
    end if;
    -- its row was written by hand
    if (cardinality(v_instants) % 2 = 0) <> (p_status = 'SUSPENDED') then
        v_instants := v_instants || greatest(coalesce(v_workspace.suspended_at, kronos.clock()),
                                             v_instants[cardinality(v_instants)] + interval '1 microsecond');
    end if;
    v_now := greatest(kronos.clock(), v_instants[cardinality(v_instants)] + interval '1 microsecond');
    update kronos.workspaces
       set version = version + 1, status = p_status,
           suspended_at = case when p_status = 'SUSPENDED' then v_now end,
           was_suspended = case when p_status = 'ACTIVE' then kronos.suspensions_of(v_workspace, v_now)
                                else was_suspended end
     where workspace_id = v_workspace.workspace_id;
    v_jobs := (select count(*)
                 from kronos.jobs as job
                where job.workspace_id = v_workspace.workspace_id
                  and job.trigger = 'CRON'
                  and job.status in ('ACTIVE', 'PAUSED'));
    if v_jobs = 0 then
        delete from kronos.turns where workspace_id = v_workspace.workspace_id;
        return true;
    end if;
    insert into kronos.turns as turn (workspace_id, instants, turned_at, steps_left)
    values (v_workspace.workspace_id, v_instants || v_now, v_now, 2 * v_jobs)
        on conflict (workspace_id) do update
       set instants = excluded.instants, turned_at = excluded.turned_at, phase = default,
           after_created_at = default, after_job_id = default,
           behind = default, next_at = default, steps_left = excluded.steps_left, last_error = default;
    return true;
end
$$;
