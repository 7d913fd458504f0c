-- rule_selects: whether a rule selects this subject: a job by its name, its first version's id, its tags and
-- its endpoint; a heartbeat by its name or tags. Inlined.
create or replace function kronos.rule_selects(p_selector text, p_selected text, p_kind text, p_name text,
                                               p_id uuid, p_tags text[], p_endpoint text) returns boolean
language sql immutable parallel safe
as $$
    select case p_selector
               when 'WORKSPACE' then true
               when 'JOB'       then p_kind = 'JOB' and (p_name = p_selected or p_id::text = p_selected)
               when 'TAG'       then coalesce(p_selected = any (p_tags), false)
               when 'ENDPOINT'  then coalesce(p_endpoint = p_selected, false)
               when 'HEARTBEAT' then p_kind = 'HEARTBEAT' and (p_selected is null or p_name = p_selected)
               else false end
$$;
