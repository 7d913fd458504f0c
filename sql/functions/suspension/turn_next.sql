-- turn_next: a step of turn_some for up to p_limit more jobs, oldest first, of a turn whose row the caller
-- has locked: their ticks and, on a resumption in a second pass, their entries. Those that it cannot handle
-- are left behind.
-- Returns: how many jobs it handled, including those left behind; at least 1.
create or replace function kronos.turn_next(p_turn kronos.turns, p_is_suspended boolean, p_limit integer)
returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_turn    kronos.turns := p_turn;
    v_found   uuid[];
    v_job_ids uuid[];      -- the first of v_found, as many as a step may take
begin
    select coalesce(array_agg(next.job_id order by next.created_at, next.job_id), '{}') into v_found
      from kronos.next_to_turn(v_turn.workspace_id, v_turn.after_created_at, v_turn.after_job_id,
                               p_limit) as next;
    v_job_ids := case when v_turn.phase = 'TICKS' then kronos.few_ticks(v_found, v_turn.turned_at)
                      else v_found end;
    v_turn.behind := v_turn.behind
                     || kronos.turn_each(array(select unnest(v_job_ids) except select unnest(v_turn.behind)),
                                         p_is_suspended, v_turn.phase = 'TICKS',
                                         v_turn.phase = 'ENTRIES' or p_is_suspended);
    v_turn.steps_left := v_turn.steps_left
                         - case when p_is_suspended then 2 else 1 end * cardinality(v_job_ids);
    if cardinality(v_job_ids) = p_limit or cardinality(v_job_ids) < cardinality(v_found) then
        select job.created_at, job.job_id into v_turn.after_created_at, v_turn.after_job_id
          from kronos.jobs as job
         where job.job_id = v_job_ids[cardinality(v_job_ids)];
    else
        v_turn.phase := case when v_turn.phase = 'TICKS' and not p_is_suspended then 'ENTRIES'
                             else 'BEHIND' end;
        v_turn.after_created_at := '-infinity';
        v_turn.after_job_id := '00000000-0000-0000-0000-000000000000';
    end if;
    perform kronos.store_turn(v_turn);
    return greatest(cardinality(v_job_ids), 1);
end
$$;
