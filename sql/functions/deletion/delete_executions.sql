-- delete_executions: a step of a deletion, for unfinished executions. Deliveries under way are asked to end
-- and waited for: a worker finishes them, or their lease expires. Endpoints are deleted one by one, so that a
-- session about to create something for one (its key share lock on the row: require_live_endpoint) has
-- committed, or finds it deleted. Waiting executions are deleted endpoint by endpoint, in the order of the
-- index that claims read, from where the previous step ended, so that no step reads again what another
-- deleted.
-- Returns: the deletion's progress.
create or replace function kronos.delete_executions(p_deletion kronos.deletions, p_limit integer)
returns kronos.deletions
language plpgsql volatile set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
declare
    v_deletion kronos.deletions := p_deletion;
    v_running  integer;
    v_ids      uuid[];
    v_room     integer := p_limit;
    v_at       record;
begin
    -- runs that ended runs have triggered and that are not created yet
    delete from kronos.callbacks where due_at is not null and workspace_id = v_deletion.deleted_id;
    v_running := kronos.end_claimed(v_deletion.deleted_id);
    with present as (
        select endpoint.endpoint_id from kronos.endpoints as endpoint
         where endpoint.workspace_id = v_deletion.deleted_id and endpoint.deleted_at is null
         order by endpoint.endpoint_id
         limit p_limit
           for update skip locked
    )
    update kronos.endpoints as endpoint
       set deleted_at = kronos.now()
      from present
     where endpoint.endpoint_id = present.endpoint_id;
    for v_endpoints in 1 .. 50 loop
        exit when v_room <= 0;
        if v_deletion.after_status = '' then      -- at the end of an endpoint, or before the first
            v_deletion.after_id := (select endpoint.endpoint_id from kronos.endpoints as endpoint
                                     where endpoint.workspace_id = v_deletion.deleted_id
                                       and endpoint.endpoint_id > v_deletion.after_id
                                     order by endpoint.endpoint_id
                                     limit 1);
            exit when v_deletion.after_id is null;
            v_deletion.after_status := '-1';
            v_deletion.after_at := '-infinity';
        end if;
        select array_agg(next.execution_id) as ids, max(next.queue) as queue, count(*) as number,
               (array_agg(next.visible_at order by next.queue desc, next.visible_at desc))[1] as visible_at
          into v_at
          from (select live.execution_id, kronos.queue_of(live.priority) as queue, live.visible_at
                  from kronos.execution_live as live
                 where live.endpoint_id = v_deletion.after_id
                   and live.claim_token is null
                   and (kronos.queue_of(live.priority), live.visible_at)
                       >= (v_deletion.after_status::integer, v_deletion.after_at)
                 order by kronos.queue_of(live.priority), live.visible_at
                 limit v_room) as next;
        v_ids := kronos.delete_waiting(v_at.ids);
        v_deletion.done := v_deletion.done + cardinality(v_ids);
        if v_at.number < v_room then
            v_deletion.after_status := '';
        else
            v_deletion.after_status := v_at.queue::text;
            v_deletion.after_at := v_at.visible_at;
        end if;
        v_room := v_room - v_at.number;
    end loop;
    if v_deletion.after_id is null then
        return kronos.after_executions(v_deletion, v_running);
    end if;
    return v_deletion;
end
$$;
