-- enroll_jobs: creates the alert states of jobs and heartbeats that a NO_SUCCESS rule watches, up to p_limit
-- per rule at a time, in the order of their creation (next_to_enroll). Each is timed from when it is found,
-- whether or not it ever reports anything. Once it has reached the end of the list, each call examines those
-- of the last ten minutes again, because they may have been committed late.
-- It stops at p_until, but always examines jobs for one rule. Rules come in random order, so that new rules
-- over very many jobs delay no other rule for long.
create or replace function kronos.enroll_jobs(p_rule_ids uuid[], p_limit integer, p_until timestamptz)
returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_rule  kronos.alert_rules;
    v_until timestamptz;
    v_id    uuid;
    v_seen  integer;
begin
    for v_rule in
        select * from kronos.alert_rules as rule
         where rule.rule_id = any (p_rule_ids) and rule.condition ->> 'type' = 'NO_SUCCESS'
         order by random()
    loop
        exit when v_seen is not null and kronos.clock() >= p_until;
        with seen as materialized (
            select * from kronos.next_to_enroll(v_rule, p_limit)
        ), made as (
            insert into kronos.alert_states (rule_id, subject_id, workspace_id, kind, name, base_at, due_at)
            select v_rule.rule_id, subject.id, v_rule.workspace_id, subject.kind, subject.name, kronos.now(),
                   kronos.now() + (v_rule.condition ->> 'seconds')::integer * interval '1 second'
              from (select seen.subject_id as id, seen.kind, seen.shown as name
                      from seen
                     where kronos.rule_selects(v_rule.selector, v_rule.selected, seen.kind, seen.name,
                                               seen.subject_id, seen.tags, seen.endpoint)
                     union all
                    select v_rule.rule_id, v_rule.selector, v_rule.selected where v_rule.per = 'ALL')
                       as subject
                on conflict (rule_id, subject_id) do nothing
        )
        select max(created_at), (array_agg(id order by created_at desc, id desc))[1], count(*)
          into v_until, v_id, v_seen from seen;
        update kronos.alert_rules
           set enrolled_at = case when v_seen < p_limit then kronos.now() - interval '10 minutes'
                                  else v_until end,
               enrolled_id = case when v_seen < p_limit then enrolled_id else v_id end
         where rule_id = v_rule.rule_id
           and (v_seen = p_limit or enrolled_at < kronos.now() - interval '20 minutes');
    end loop;
end
$$;
