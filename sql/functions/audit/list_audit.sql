-- list_audit: rows of one chain's audit, or of all (null), the newest first, sealed or still to be, behind
-- the place (p_before_at, p_before_id). A filter that is null lets all pass; each has its index. As the
-- caller, so row level security holds.
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
    -- one upper bound: of two, an index scan begins at either
    v_at         constant timestamptz := least(p_before_at, v_until);
    v_id         constant uuid := case when v_until <= p_before_at
                                       then '00000000-0000-0000-0000-000000000000' else p_before_id end;
begin
    return query
        select (found.row).*
          from ((select sealed as row, sealed.at, sealed.audit_id
                   from kronos.audit as sealed
                  where (p_chain_id is null or sealed.chain_id = p_chain_id)
                    and (v_actor is null or sealed.actor = v_actor)
                    and (v_action is null or sealed.action = v_action)
                    and (v_type is null or sealed.object_type = v_type)
                    and (v_object_id is null or sealed.object_id = v_object_id)
                    and (v_object is null or sealed.object = v_object)
                    and (v_request_id is null or sealed.request_id = v_request_id)
                    and sealed.at >= v_after
                    and (sealed.at, sealed.audit_id) < (v_at, v_id)
                  order by sealed.at desc, sealed.audit_id desc
                  limit p_limit)
                union all
               (select row(kronos.audit_chain(pending.workspace_id), null, pending.audit_id,
                           pending.workspace_id, null, pending.at, pending.actor, pending.key_id,
                           pending.address, pending.request_id, pending.database_user, pending.action,
                           pending.object_type, pending.object_id, pending.object, pending.before,
                           pending.after, null)::kronos.audit,
                       pending.at, pending.audit_id
                  from kronos.audit_pending as pending
                 where (p_chain_id is null
                        or kronos.audit_chain(pending.workspace_id) = p_chain_id)
                   and (v_actor is null or pending.actor = v_actor)
                   and (v_action is null or pending.action = v_action)
                   and (v_type is null or pending.object_type = v_type)
                   and (v_object_id is null or pending.object_id = v_object_id)
                   and (v_object is null or pending.object = v_object)
                   and (v_request_id is null or pending.request_id = v_request_id)
                   and pending.at >= v_after
                   and (pending.at, pending.audit_id) < (v_at, v_id)
                 order by pending.at desc, pending.audit_id desc
                 limit p_limit)) as found
         order by found.at desc, found.audit_id desc
         limit p_limit;
end
$$;
