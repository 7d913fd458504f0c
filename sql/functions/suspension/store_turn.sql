-- store_turn: stores how far the jobs of a workspace have followed, after a step of turn_some, or deletes the
-- row when all of them have. The caller has locked it.
create or replace function kronos.store_turn(p_turn kronos.turns) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    if p_turn.phase = 'BEHIND' and p_turn.behind = '{}' then
        delete from kronos.turns where workspace_id = p_turn.workspace_id;
    else
        update kronos.turns
           set phase = p_turn.phase, after_created_at = p_turn.after_created_at,
               after_job_id = p_turn.after_job_id, behind = p_turn.behind, next_at = p_turn.next_at,
               steps_left = case when p_turn.phase = 'BEHIND' then 2 * cardinality(p_turn.behind)
                                 else greatest(p_turn.steps_left, cardinality(p_turn.behind), 1) end
         where workspace_id = p_turn.workspace_id;
    end if;
end
$$;
