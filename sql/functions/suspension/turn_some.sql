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
    c_most_behind constant integer := 5000;      -- more: retry them first, pg_cron may be broken
    c_ticks   constant integer := 10000;         -- ticks_at_most counts no further for one job
    v_turn    kronos.turns;
    v_is_suspended boolean;
    v_found   uuid[];
    v_job_ids uuid[];      -- the first of v_found, as many as a step may take
    v_behind  uuid[];
    v_is_behind boolean;
    v_at_once integer;
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
    v_is_behind := v_turn.phase = 'BEHIND' or cardinality(v_turn.behind) >= c_most_behind;
    if v_is_behind then
        -- A few at a time if some have just failed: an error that stops one then stops few others with it.
        v_at_once := case when v_turn.next_at = '-infinity' then p_limit
                          else least(greatest(cardinality(v_turn.behind) / 4, 1), 10) end;
        v_found := v_turn.behind[:v_at_once];
        v_job_ids := kronos.few_ticks(v_found, v_turn.turned_at, c_ticks);
        v_behind := kronos.turn_each(v_job_ids, v_is_suspended, true, true);
        v_turn.behind := v_turn.behind[cardinality(v_job_ids) + 1:] || v_behind;
        if v_behind <> '{}' then      -- the others now; if none are left, after a while
            v_turn.next_at := kronos.clock() + case when cardinality(v_turn.behind) > cardinality(v_behind)
                                                    then interval '0'
                                                       else interval '0.5 seconds' end;
        end if;
    else
        select coalesce(array_agg(next.job_id order by next.created_at, next.job_id), '{}') into v_found
          from kronos.next_to_turn(p_workspace_id, v_turn.after_created_at, v_turn.after_job_id,
                                   p_limit) as next;
        v_job_ids := case when v_turn.phase = 'TICKS' then kronos.few_ticks(v_found, v_turn.turned_at,
                                                                            c_ticks) else v_found end;
        v_behind := kronos.turn_each(array(select unnest(v_job_ids) except select unnest(v_turn.behind)),
                                     v_is_suspended,
                                     v_turn.phase = 'TICKS', v_turn.phase = 'ENTRIES' or v_is_suspended);
        v_turn.behind := v_turn.behind || v_behind;
        if cardinality(v_job_ids) = p_limit or cardinality(v_job_ids) < cardinality(v_found) then
            select job.created_at, job.job_id into v_turn.after_created_at, v_turn.after_job_id
              from kronos.jobs as job
             where job.job_id = v_job_ids[cardinality(v_job_ids)];
        else
            v_turn.phase := case when v_turn.phase = 'TICKS' and not v_is_suspended then 'ENTRIES'
                                 else 'BEHIND' end;
            v_turn.after_created_at := '-infinity';
            v_turn.after_job_id := '00000000-0000-0000-0000-000000000000';
        end if;
    end if;
    if v_turn.phase = 'BEHIND' and v_turn.behind = '{}' then
        delete from kronos.turns where workspace_id = p_workspace_id;
    else
        update kronos.turns
           set phase = v_turn.phase, after_created_at = v_turn.after_created_at,
               after_job_id = v_turn.after_job_id, behind = v_turn.behind,
               next_at = v_turn.next_at,
               steps_left = case when v_turn.phase = 'BEHIND' then 2 * cardinality(v_turn.behind)
                                 else greatest(steps_left - case when v_is_behind then 0
                                                                 when v_is_suspended then 2
                                                                 else 1 end * cardinality(v_job_ids),
                                               cardinality(v_turn.behind), 1) end
         where workspace_id = p_workspace_id;
    end if;
    return case when v_is_behind then cardinality(v_job_ids) - cardinality(v_behind)
                else greatest(cardinality(v_job_ids), 1) end;
end
$$;
