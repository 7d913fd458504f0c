-- pick_keyed: take_keyed, by ids; called by claims of the previous release.
create or replace function kronos.pick_keyed(p_endpoint_id uuid, p_room integer)
returns table (execution_id uuid, visible_at timestamptz, endpoint_id uuid, key text)
language sql volatile security invoker set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
    select live.execution_id, taken.visible_at, p_endpoint_id, taken.key
      from kronos.take_keyed(p_endpoint_id, p_room) as given
     cross join lateral unnest(given.places, given.times, given.keys) as taken (place, visible_at, key)
      join kronos.execution_live as live on live.ctid = taken.place
$$;
