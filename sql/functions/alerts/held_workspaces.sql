-- held_workspaces: the workspaces that have an enabled rule outside p_rule_ids, the rules this evaluation
-- judges: another session is changing that rule at this moment, or has just created it.
create or replace function kronos.held_workspaces(p_rule_ids uuid[]) returns uuid[]
language plpgsql stable set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
    return array(select rule.workspace_id
                   from kronos.alert_rules as rule
                   join kronos.workspaces as workspace using (workspace_id)
                   left join unnest(p_rule_ids) as judged (rule_id) on judged.rule_id = rule.rule_id
                  where rule.is_enabled and judged.rule_id is null and workspace.status <> 'DELETED');
end
$$;
