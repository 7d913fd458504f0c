-- forget_states: when a rule's subject or condition changes, or it is disabled or deleted, its states are
-- deleted and its incidents are resolved without a notification.
create or replace function kronos.forget_states() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    update kronos.incidents
       set status = 'RESOLVED', resolved_at = kronos.now(), say = null, repeat_at = null,
           resolution = case tg_op when 'DELETE' then 'RULE_DELETED' else 'RULE_CHANGED' end
     where rule_id = old.rule_id and status <> 'RESOLVED';
    delete from kronos.alert_states where rule_id = old.rule_id;
    delete from kronos.alert_counts where rule_id = old.rule_id;
    if tg_op = 'UPDATE' then
        update kronos.alert_rules
           set enrolled_at = '-infinity', enrolled_id = '00000000-0000-0000-0000-000000000000'
         where rule_id = old.rule_id;
    end if;
    return null;
end
$$;
create or replace trigger alert_rules_forget
    after update on kronos.alert_rules for each row
    when ((old.selector, old.selected, old.per, old.condition, old.is_enabled)
          is distinct from (new.selector, new.selected, new.per, new.condition, new.is_enabled))
    execute function kronos.forget_states();
create or replace trigger alert_rules_forget_all
    after delete on kronos.alert_rules for each row execute function kronos.forget_states();
