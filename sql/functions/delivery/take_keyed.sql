-- take_keyed: what a claim may take of an endpoint that has a concurrency_key, at most p_room, in the order
-- of ranks, and of a key no more than key_max with those that are under way. It locks these rows, and changes
-- none of them: the claim does, where they were found. What is in its way is parked until there is room under
-- its key (release_parked), so that it is looked at once, and not by every claim. The key is that of the
-- template as it is now. A call looks at a thousand: where they were all in the way, it asks workers to claim
-- again. From the beginning of the index on, without a floor: what comes back has its old place.
-- The caller holds the gate (open_gates), and those who end what is under way wait for it: so what is counted
-- here is no less than what is under way.
-- Returns: one row: where they are, when they were due, and their keys.
create or replace function kronos.take_keyed(p_endpoint_id uuid, p_room integer,
                                             out places tid[], out times timestamptz[], out keys text[])
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set enable_bitmapscan = off
set jit = off
as $$
declare
    c_step  constant integer := 200;
    c_most  constant integer := 1000;
    v_gate  record;      -- with the only value in the template, and the texts around it; null: it has several
    v_found record;
    v_seen  integer     := 0;
    v_limit integer     := p_room;
    v_from  timestamptz := timestamptz '-infinity';
begin
    places := '{}';
    times  := '{}';
    keys   := '{}';
    select gate.key_parts, gate.key_max, value.path, value.texts
      into v_gate
      from kronos.endpoint_gate as gate
      left join lateral (select array(select jsonb_array_elements_text(part.value -> 'path')) as path,
                                array[coalesce(case when part.place > 1 then gate.key_parts ->> 0 end, ''),
                                      coalesce(part.value ->> 'default', ''),
                                      coalesce(gate.key_parts ->> part.place::integer, '')] as texts
                           from jsonb_array_elements(gate.key_parts) with ordinality as part (value, place)
                          where jsonb_typeof(part.value) = 'object'
                            and jsonb_array_length(jsonb_path_query_array(gate.key_parts, '$[*].path')) = 1
                        ) as value on true
     where gate.endpoint_id = p_endpoint_id;
    while cardinality(places) < p_room and v_gate.key_max > 0 loop
        select * into v_found
          from kronos.look_under_keys(p_endpoint_id, v_gate.key_parts, v_gate.path, v_gate.texts,
                                      v_gate.key_max, v_from, v_limit, places, keys);
        v_seen := v_seen + v_found.seen;
        v_from := v_found.last_rank;
        places := (places || v_found.places)[:p_room];
        times  := (times || v_found.times)[:p_room];
        keys   := (keys || v_found.keys)[:p_room];
        exit when v_found.seen < v_limit;
        if v_seen >= c_most and cardinality(places) < p_room then
            perform pg_notify('kronos_work', p_endpoint_id::text);
            exit;
        end if;
        v_limit := c_step;
    end loop;
end
$$;
