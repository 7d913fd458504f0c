-- take_keyed: what a claim may take from an endpoint with a concurrency_key: at most p_room, in the order of
-- ranks, and for each key at most key_max including those under way. It locks these rows but does not change
-- them; the claim does, at the places where they were found.
-- Executions without room are parked until their key has room (release_parked), so that each is read once and
-- not by every claim. The key is that of the present template. One call reads a thousand; if none of them had
-- room, it asks workers to claim again. It always reads from the beginning of the index, without a floor:
-- what is released has its old position.
-- The caller holds the gate (open_gates), and sessions that finish executions under way wait for it: so the
-- count here is never less than the number under way.
-- Returns: one row: where the executions are, when they were due, and their keys.
create or replace function kronos.take_keyed(p_endpoint_id uuid, p_room integer,
                                             out places tid[], out times timestamptz[], out keys text[])
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set enable_bitmapscan = off
set jit = off
as $$
declare
    c_step  constant integer := 200;
    c_most  constant integer := 1000;
    v_gate  record;      -- with the template's only value and the texts around it; null: it has several
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
