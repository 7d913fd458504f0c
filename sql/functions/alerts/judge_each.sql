-- judge_each: judge_rules for rules of whole workspaces. If that fails, the halves of the workspaces are
-- judged separately, and so on, so that one stops no other. Whatever ended in a workspace that fails stays
-- for the next evaluation.
-- Returns: one row of counts, and an array of what failed.
-- Raises: shortages (is_shortage), with which the next workspace would fail too.
create or replace function kronos.judge_each(p_rule_ids uuid[], p_until timestamptz, out ends bigint,
                                             out opened bigint, out resolved bigint, out said bigint,
                                             out errors jsonb)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_workspace_ids uuid[];
    v_half          integer;
    v_part          record;
begin
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
        v_half := cardinality(v_workspace_ids) / 2;
        if v_half = 0 then
            raise warning 'kronos: the alert rules of workspace % cannot be judged: % (%)',
                          v_workspace_ids[1], sqlerrm, sqlstate;
            errors := jsonb_build_array(jsonb_build_object('task', 'judge_rules', 'workspace_id',
                                                           v_workspace_ids[1], 'type', sqlstate,
                                                           'message', sqlerrm));
            return;
        end if;
    end;
    for v_part in
        select judged.*
          from (select array_agg(rule.rule_id) as rule_ids
                  from kronos.alert_rules as rule
                 where rule.rule_id = any (p_rule_ids)
                 group by rule.workspace_id <= v_workspace_ids[v_half]) as half
         cross join lateral kronos.judge_each(half.rule_ids, p_until) as judged
    loop
        ends := ends + v_part.ends;
        opened := opened + v_part.opened;
        resolved := resolved + v_part.resolved;
        said := said + v_part.said;
        errors := errors || v_part.errors;
    end loop;
end
$$;
