-- pick_keyed: what a claim may take of an endpoint that has a concurrency_key, at most p_room, in the order
-- of ranks, and of a key no more than key_max with those that are under way. It locks these rows, and changes
-- none of them: the claim does. What is in its way is parked until there is room under its key
-- (release_parked), so that it is looked at once, and not by every claim. The key is that of the template as
-- it is now. A call looks at a thousand: where they were all in the way, it asks workers to claim again. From
-- the beginning of the index on, without a floor: what comes back has its old place.
-- The caller holds the gate (open_gates), and those who end what is under way wait for it: so what is counted
-- here is no less than what is under way.
create or replace function kronos.pick_keyed(p_endpoint_id uuid, p_room integer)
returns table (execution_id uuid, visible_at timestamptz, endpoint_id uuid, key text)
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set enable_bitmapscan = off
set jit = off
as $$
#variable_conflict use_column
declare
    c_step  constant integer := 200;
    c_most  constant integer := 1000;
    v_gate  kronos.endpoint_gate;
    v_value record;      -- the only one in the template, and the texts around it; null: there are several
    v_found record;
    v_ids   uuid[]        := array[]::uuid[];
    v_keys  text[]        := array[]::text[];
    v_times timestamptz[] := array[]::timestamptz[];
    v_seen  integer       := 0;
    v_limit integer       := p_room;
    v_from  timestamptz   := timestamptz '-infinity';
begin
    select gate.* into v_gate from kronos.endpoint_gate as gate where gate.endpoint_id = p_endpoint_id;
    select array(select jsonb_array_elements_text(part.value -> 'path')) as path,
           array[coalesce(case when part.place > 1 then v_gate.key_parts ->> 0 end, ''),
                 coalesce(part.value ->> 'default', ''),
                 coalesce(v_gate.key_parts ->> part.place::integer, '')] as texts
      into v_value
      from jsonb_array_elements(v_gate.key_parts) with ordinality as part (value, place)
     where jsonb_typeof(part.value) = 'object'
       and jsonb_array_length(jsonb_path_query_array(v_gate.key_parts, '$[*].path')) = 1;
    while cardinality(v_ids) < p_room and v_gate.key_max > 0 loop
        select * into v_found
          from kronos.look_at_keyed(p_endpoint_id, v_gate.key_parts, v_value.path, v_value.texts,
                                    v_gate.key_max, v_from, v_limit, v_ids, v_keys);
        v_ids   := (v_ids || v_found.ids)[:p_room];
        v_keys  := (v_keys || v_found.keys)[:p_room];
        v_times := (v_times || v_found.times)[:p_room];
        v_seen  := v_seen + v_found.seen;
        v_from  := v_found.last_rank;
        exit when v_found.seen < v_limit;
        if v_seen >= c_most and cardinality(v_ids) < p_room then
            perform pg_notify('kronos_work', p_endpoint_id::text);
            exit;
        end if;
        v_limit := c_step;
    end loop;
    return query
    select picked.execution_id, picked.visible_at, p_endpoint_id, picked.key
      from unnest(v_ids, v_times, v_keys) as picked (execution_id, visible_at, key);
end
$$;
