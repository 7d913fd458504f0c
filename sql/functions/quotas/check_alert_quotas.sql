-- check_alert_quotas: check, after an insert, that a workspace has no more heartbeats or alert rules than its
-- quota allows. One session at a time, and each sees what earlier ones have committed, so the count is exact.
-- A session takes its turn before it inserts a row. So a session that waits, such as an apply that creates
-- many, does not also wait for their names. A workspace without such a quota locks and counts nothing.
-- Raises: KR041; the detail has the numbers, as JSON.
create or replace function kronos.check_alert_quotas() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
declare
    v_limit   integer;
    v_used    integer;
    v_refusal jsonb;
begin
    select case tg_argv[0] when 'heartbeats' then workspace.max_heartbeats else workspace.max_alert_rules end
      into v_limit
      from kronos.workspaces as workspace
     where workspace.workspace_id = new.workspace_id;
    if v_limit is null then
        return new;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('kronos.' || tg_argv[0], 0)
                                  # hashtextextended(new.workspace_id::text, 0));
    if tg_when = 'BEFORE' then
        return new;
    end if;
    v_used := case tg_argv[0]
                  when 'heartbeats' then (select count(*)
                                            from kronos.beats as beat
                                           where beat.workspace_id = new.workspace_id
                                             and beat.deleted_at is null)
                  else (select count(*)
                          from kronos.alert_rules as rule
                         where rule.workspace_id = new.workspace_id) end;
    if v_used > v_limit then
        v_refusal := jsonb_build_object('quota', tg_argv[0], 'used', v_used, 'limit', v_limit);
        raise exception using errcode = 'KR041', message = kronos.refusal_text(v_refusal),
                              detail = v_refusal::text,
                              hint = 'Delete one first, or ask the instance''s administrator for a higher '
                                     'quota.';
    end if;
    return null;
end
$$;
create or replace trigger beats_take_turns
    before insert on kronos.beats
    for each row execute function kronos.check_alert_quotas('heartbeats');
create or replace trigger alert_rules_take_turns
    before insert on kronos.alert_rules
    for each row execute function kronos.check_alert_quotas('alert_rules');
create or replace trigger beats_keep_to_quotas
    after insert on kronos.beats
    for each row execute function kronos.check_alert_quotas('heartbeats');
create or replace trigger alert_rules_keep_to_quotas
    after insert on kronos.alert_rules
    for each row execute function kronos.check_alert_quotas('alert_rules');
