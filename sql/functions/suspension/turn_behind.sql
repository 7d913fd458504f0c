-- turn_behind: a step of turn_some for jobs that were left behind, of a turn whose row the caller has locked.
-- A few at a time if some have just failed: an error that stops one then stops few others with it.
-- Returns: how many jobs it handled.
create or replace function kronos.turn_behind(p_turn kronos.turns, p_is_suspended boolean, p_limit integer)
returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_at_once constant integer := case when p_turn.next_at = '-infinity' then p_limit
                                       else least(greatest(cardinality(p_turn.behind) / 4, 1), 10) end;
    v_job_ids constant uuid[]  := kronos.few_ticks(p_turn.behind[:v_at_once], p_turn.turned_at);
    v_behind  constant uuid[]  := kronos.turn_each(v_job_ids, p_is_suspended, true, true);
    v_turn    kronos.turns := p_turn;
begin
    v_turn.behind := v_turn.behind[cardinality(v_job_ids) + 1:] || v_behind;
    if v_behind <> '{}' then      -- the others now; if none are left, after a while
        v_turn.next_at := kronos.clock() + case when cardinality(v_turn.behind) > cardinality(v_behind)
                                                then interval '0'
                                                else interval '0.5 seconds' end;
    end if;
    perform kronos.store_turn(v_turn);
    return cardinality(v_job_ids) - cardinality(v_behind);
end
$$;
