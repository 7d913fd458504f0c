-- life_under: subject_life, as a rule sees it: a subject that the rule no longer selects, because its tags or
-- endpoint changed, is GONE.
create or replace function kronos.life_under(p_rule_id uuid, p_kind text, p_subject_id uuid,
                                             p_workspace_id uuid)
returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
declare
    v_life text := kronos.subject_life(p_kind, p_subject_id, p_workspace_id);
begin
    if v_life = 'GONE' or p_kind not in ('JOB', 'HEARTBEAT') then
        return v_life;
    end if;
    perform
       from kronos.alert_rules as rule
      cross join lateral ((select job.name, job.tags, endpoint.name as endpoint
                             from kronos.jobs as job
                             join kronos.endpoints as endpoint using (endpoint_id)
                            where p_kind = 'JOB' and job.first_version_id = p_subject_id
                            order by job.version desc
                            limit 1)
                          union all
                          select beat.name, beat.tags, null
                            from kronos.beats as beat
                           where p_kind = 'HEARTBEAT' and beat.heartbeat_id = p_subject_id) as subject
      where rule.rule_id = p_rule_id
        and kronos.rule_selects(rule.selector, rule.selected, p_kind, subject.name, p_subject_id,
                                subject.tags, subject.endpoint);
    return case when found then v_life else 'GONE' end;
end
$$;
