-- release_parked: releases as many of the executions parked under a concurrency key as there is room for,
-- lowest rank first (rank_of). The room is key_max minus the executions under way and those due but not yet
-- claimed. If the endpoint's template was changed or removed, it releases a thousand: their next claim
-- computes their key. Waits for no lock; release_all_parked releases what it misses.
-- Returns: the number released.
create or replace function kronos.release_parked(p_endpoint_id uuid, p_key text) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set enable_bitmapscan = off
set jit = off
as $$
declare
    c_most     constant integer := 1000;
    v_max      integer;
    v_is_old   boolean;
    v_room     integer := c_most;
    v_released integer;
begin
    select gate.key_max, gate.key_max is null or kronos.concurrency_key(gate.key_parts, first.input) <> p_key
      into v_max, v_is_old
      from (select live.input
              from kronos.execution_live as live
             where live.endpoint_id = p_endpoint_id and live.concurrency_key = p_key
               and live.parked_at is not null
             order by kronos.parked_rank(live.parked_at, live.priority)
             limit 1) as first
     cross join (select * from kronos.endpoint_gate where endpoint_id = p_endpoint_id) as gate;
    if not found then
        return 0;
    end if;
    if not v_is_old then
        v_room := v_max - (select count(held.claim_token)      -- under way come first, as in look_under_keys
                             from (select running.claim_token
                                     from kronos.execution_live as running
                                    where running.endpoint_id = p_endpoint_id
                                      and running.concurrency_key = p_key and running.parked_at is null
                                    order by running.claim_token
                                    limit v_max) as held)
                        - (select count(*)
                             from (select
                                     from kronos.execution_live as due
                                    where due.endpoint_id = p_endpoint_id and due.concurrency_key = p_key
                                      and due.parked_at is null and due.claim_token is null
                                      and due.visible_at <= kronos.now()
                                    limit v_max) as waiting);
    end if;
    update kronos.execution_live as live
       set visible_at = live.parked_at, parked_at = null
      from (select parked.execution_id
              from kronos.execution_live as parked
             where parked.endpoint_id = p_endpoint_id and parked.concurrency_key = p_key
               and parked.parked_at is not null
             order by kronos.parked_rank(parked.parked_at, parked.priority)
             limit greatest(v_room, 0)
               for update skip locked) as next
     where kronos.looked_up(live.execution_id, next.execution_id);
    get diagnostics v_released = row_count;
    if v_released > 0 then
        perform pg_notify('kronos_work', p_endpoint_id::text);
    end if;
    return v_released;
end
$$;
