-- wanted_one_shots: the jobs that make_one_shots creates, with what their endpoints say now. p_endpoint_ids:
-- the endpoints that are locked. Runs as the caller: row level security applies.
-- Returns: one row per name of p_endpoints, nth in its order; endpoint_id is null if no given endpoint has
-- the name. A job whose time is the time of creation is made a microsecond younger: it is DELAYED. Inlined.
create or replace function kronos.wanted_one_shots(p_endpoints text[], p_inputs jsonb[],
                                                   p_run_at timestamptz[], p_priorities smallint[],
                                                   p_endpoint_ids uuid[])
returns table (nth bigint, endpoint text, input jsonb, priority smallint, endpoint_id uuid, type text,
               version integer, max_attempts smallint, max_crashes smallint, timeout_ms integer,
               run_at timestamptz, visible_at timestamptz, created_at timestamptz)
language sql stable security invoker
as $$
    with known as materialized (
        select found.endpoint_id, found.name, found.type, made_of.version, made_of.max_attempts,
               made_of.max_crashes, made_of.timeout_ms
          from kronos.endpoints as found
          join kronos.endpoint_versions as made_of using (endpoint_id, version)
         where found.endpoint_id = any (p_endpoint_ids)
    )
    select item.nth, item.endpoint, item.input, nullif(item.priority, 0), known.endpoint_id, known.type,
           known.version, known.max_attempts, known.max_crashes, known.timeout_ms,
           coalesce(item.run_at, made.at), greatest(item.run_at, kronos.now()), made.at
      from unnest(p_endpoints, p_inputs, p_run_at, p_priorities) with ordinality
        as item (endpoint, input, run_at, priority, nth)
     cross join lateral (select case when item.run_at = kronos.now()
                                     then kronos.now() + interval '1 microsecond'
                                     else kronos.now() end as at) as made
      left join known on known.name = item.endpoint
$$;
