-- judge_each: judge_rules for rules of whole workspaces. If that fails, the halves of the workspaces are
-- judged separately, and so on, so that one stops no other. From five seconds after the first failure on
-- (p_halves_until) no other half is judged: the time limit of the caller's statement would undo everything.
-- Which half is first is left to chance, so that those that fail never keep the same others from their turn.
-- Whatever ended in a workspace that fails or is not reached stays for the next evaluation.
-- Returns: one row of counts, the number of workspaces that were not reached, and an array of what failed.
-- Raises: shortages (is_shortage), with which the next workspace would fail too.
create or replace function kronos.judge_each(p_rule_ids uuid[], p_until timestamptz,
                                             p_halves_until timestamptz default null, out ends bigint,
                                             out opened bigint, out resolved bigint, out said bigint,
                                             out unreached bigint, out errors jsonb)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_workspace_ids uuid[];
    v_middle        integer;
    v_half          record;
    v_is_first      constant boolean := random() < 0.5;
    v_is_tried      boolean := false;
    v_until         timestamptz;
    v_part          record;
begin
    unreached := 0;
    errors := '[]';
    begin
        select judged.ends, judged.opened, judged.resolved, judged.said into ends, opened, resolved, said
          from kronos.judge_rules(p_rule_ids, p_until) as judged;
        return;
    exception when others then
        if kronos.is_shortage(sqlstate) then
            raise;
        end if;
        ends := 0;
        opened := 0;
        resolved := 0;
        said := 0;
        v_workspace_ids := array(select distinct rule.workspace_id
                                   from kronos.alert_rules as rule
                                  where rule.rule_id = any (p_rule_ids)
                                  order by 1);
        v_middle := cardinality(v_workspace_ids) / 2;
        if v_middle = 0 then
            raise warning 'kronos: the alert rules of workspace % cannot be judged: % (%)',
                          v_workspace_ids[1], sqlerrm, sqlstate;
            errors := jsonb_build_array(jsonb_build_object('task', 'judge_rules', 'workspace_id',
                                                           v_workspace_ids[1], 'type', sqlstate,
                                                           'message', sqlerrm));
            return;
        end if;
    end;
    v_until := coalesce(p_halves_until, kronos.clock() + interval '5 seconds');
    for v_half in
        select array_agg(rule.rule_id) as rule_ids, count(distinct rule.workspace_id) as workspaces
          from kronos.alert_rules as rule
         where rule.rule_id = any (p_rule_ids)
         group by rule.workspace_id <= v_workspace_ids[v_middle]
         order by (rule.workspace_id <= v_workspace_ids[v_middle]) = v_is_first
    loop
        if v_is_tried and kronos.clock() >= v_until then
            unreached := unreached + v_half.workspaces;
            continue;
        end if;
        v_is_tried := true;
        select * into v_part from kronos.judge_each(v_half.rule_ids, p_until, v_until);
        ends := ends + v_part.ends;
        opened := opened + v_part.opened;
        resolved := resolved + v_part.resolved;
        said := said + v_part.said;
        unreached := unreached + v_part.unreached;
        errors := errors || v_part.errors;
    end loop;
end
$$;
