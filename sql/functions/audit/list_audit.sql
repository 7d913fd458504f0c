-- list_audit: rows of one chain's audit, or of all chains (null), newest first, sealed or not yet sealed,
-- after the position (p_before_at, p_before_id). A filter that is null matches everything; each filter has
-- its index. Runs as the caller: row level security applies.
create or replace function kronos.list_audit(p_chain_id uuid, p_filter jsonb, p_before_at timestamptz,
                                             p_before_id uuid, p_limit integer)
returns setof kronos.audit
language plpgsql stable rows 50 set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set jit = off
as $$
declare
    v_actor      constant text := p_filter ->> 'actor';
    v_action     constant text := p_filter ->> 'action';
    v_type       constant text := p_filter ->> 'object_type';
    v_object_id  constant text := p_filter ->> 'object_id';
    v_object     constant text := p_filter ->> 'object';
    v_request_id constant text := p_filter ->> 'request_id';
    v_after      constant timestamptz := coalesce((p_filter ->> 'after')::timestamptz, '-infinity');
    v_until      constant timestamptz := coalesce((p_filter ->> 'before')::timestamptz, 'infinity');
    -- a single upper bound: given two, an index scan may begin at either
    v_at         constant timestamptz := least(p_before_at, v_until);
    v_id         constant uuid := case when v_until <= p_before_at
                                       then '00000000-0000-0000-0000-000000000000' else p_before_id end;
begin
    return query
        select entry.*
          from (select sealed.*
                  from kronos.audit as sealed
                union all
                select kronos.audit_chain(pending.workspace_id), null, pending.audit_id, pending.workspace_id,
                       null, pending.at, pending.actor, pending.key_id, pending.address, pending.request_id,
                       pending.database_user, pending.action, pending.object_type, pending.object_id,
                       pending.object, pending.before, pending.after, null, pending.source
                  from kronos.audit_pending as pending) as entry
         where (p_chain_id is null or entry.chain_id = p_chain_id)
           and (v_actor is null or entry.actor = v_actor)
           and (v_action is null or entry.action = v_action)
           and (v_type is null or entry.object_type = v_type)
           and (v_object_id is null or entry.object_id = v_object_id)
           and (v_object is null or entry.object = v_object)
           and (v_request_id is null or entry.request_id = v_request_id)
           and entry.at >= v_after
           and (entry.at, entry.audit_id) < (v_at, v_id)
         order by entry.at desc, entry.audit_id desc
         limit p_limit;
end
$$;
