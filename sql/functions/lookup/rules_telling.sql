-- rules_telling: the alert rules of the transaction's workspace that notify an endpoint: up to five names in
-- a list, and how many more. Runs as the caller: row level security applies.
-- Returns: null if there are none.
create or replace function kronos.rules_telling(p_endpoint_id uuid) returns text
language sql stable security invoker set search_path = pg_catalog, pg_temp
as $$
    select string_agg(told.name, ', ' order by told.name) filter (where told.nth <= 5)
           || case when count(*) > 5 then format(' and %s more', count(*) - 5) else '' end
      from (select rule.name, row_number() over (order by rule.name) as nth
              from kronos.alert_rules as rule
             where rule.workspace_id = kronos.current_workspace_id()
               and p_endpoint_id = any (rule.tell)) as told
$$;
