-- judge_rules: judges rules, as evaluate_alerts says, until p_until, but a step of each kind at least.
-- Returns: one row of counts.
create or replace function kronos.judge_rules(p_rule_ids uuid[], p_until timestamptz, out ends bigint,
                                              out opened bigint, out resolved bigint, out said bigint)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_step  record;
    v_taken bigint;
begin
    ends := 0;
    opened := 0;
    resolved := 0;
    loop
        v_taken := kronos.take_ends(p_rule_ids, 2000);
        ends := ends + v_taken;
        exit when v_taken < 2000 or kronos.clock() >= p_until;
    end loop;
    perform kronos.find_stuck(p_rule_ids);
    perform kronos.enroll_jobs(p_rule_ids, 5000, least(p_until, kronos.clock() + interval '2 seconds'));
    loop
        select * into v_step from kronos.judge_states(p_rule_ids, 2000);
        opened := opened + v_step.opened;
        resolved := resolved + v_step.resolved;
        exit when not v_step.is_left or kronos.clock() >= p_until;
    end loop;
    said := kronos.say_incidents(p_rule_ids);
end
$$;
