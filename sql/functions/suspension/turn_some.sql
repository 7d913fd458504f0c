-- turn_some: let up to p_limit more jobs of a workspace follow its last suspension or resumption, oldest
-- first, then those that were left behind. On a resumption the ticks of all jobs come first, because they are
-- wanted on time, then the entries of all: until a job has its own, other rings account for it.
-- One session at a time; others leave the work to it. A job that is created or changed meanwhile sees the
-- workspace as it is now and follows by itself (settle_ticks), so one pass by age reaches all others.
-- Lock order: the workspace's lock, shared; kronos.turns; jobs, cron.job. Waits for no lock but pg_cron's.
-- Returns: how many jobs it handled; 0 if nothing can be done at this moment.
create or replace function kronos.turn_some(p_workspace_id uuid, p_limit integer default 500) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    c_most_behind  constant integer := 5000;      -- more: retry them first, pg_cron may be broken
    v_turn         kronos.turns;
    v_is_suspended boolean;
begin
    if not pg_try_advisory_xact_lock_shared(kronos.workspace_lock(p_workspace_id)) then
        return 0;
    end if;
    select * into v_turn
      from kronos.turns as turn
     where workspace_id = p_workspace_id and kronos.is_turns_time(turn)
       for update skip locked;
    if not found then
        return 0;
    end if;
    v_is_suspended := (select workspace.status <> 'ACTIVE'
                         from kronos.workspaces as workspace
                        where workspace.workspace_id = p_workspace_id);
    if v_turn.phase = 'BEHIND' or cardinality(v_turn.behind) >= c_most_behind then
        return kronos.turn_behind(v_turn, v_is_suspended, p_limit);
    end if;
    return kronos.turn_next(v_turn, v_is_suspended, p_limit);
end
$$;
