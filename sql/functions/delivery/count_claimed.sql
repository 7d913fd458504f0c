-- count_claimed: takes slots and tokens for what a claim has claimed from endpoints whose gates it holds
-- (open_gates). An endpoint on trial is tried again after its trial_seconds.
-- Returns: one row for each endpoint that has given all that it could (p_rooms), and less than was requested:
-- when it can give the next; null if that is when a slot is released. For a fast rate that is not before
-- several tokens have arrived, so that a claim is worth its round trip.
create or replace function kronos.count_claimed(p_endpoint_ids uuid[], p_taken integer[], p_rooms integer[],
                                                p_are_counted boolean[], p_bounds text[])
returns table (endpoint_id uuid, workspace_id uuid, opens_in_ms double precision)
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    c_rest_seconds constant double precision := 0.02;
    v_at constant timestamptz := kronos.clock();
begin
    update kronos.endpoint_gate as gate
       set in_flight = gate.in_flight + case when taken.is_counted then taken.executions else 0 end,
           rate_tokens = case when gate.rate_count is not null
                              then kronos.refilled(gate.rate_tokens, gate.rate_at, gate.rate_count,
                                                   gate.rate_seconds, gate.rate_burst, v_at)
                                   - taken.executions end,
           rate_at = case when gate.rate_count is not null then v_at end,
           paused_until = case when gate.trial_seconds > 0 and taken.executions > 0
                               then kronos.now() + make_interval(secs => gate.trial_seconds)
                               else gate.paused_until end
      from unnest(p_endpoint_ids, p_taken, p_are_counted) as taken (endpoint_id, executions, is_counted)
     where gate.endpoint_id = taken.endpoint_id
       and (taken.executions > 0 or gate.rate_at > v_at);      -- if the clock was set back
    if array_remove(p_bounds, null) = '{}' then
        return;      -- no limit binds
    end if;
    return query
    select gate.endpoint_id, gate.workspace_id,
           case when spent.bound = 'rate'
                then greatest(0, least(gate.rate_burst, greatest(1, c_rest_seconds * pace.per_second))
                                 - kronos.refilled(gate.rate_tokens, gate.rate_at, gate.rate_count,
                                                   gate.rate_seconds, gate.rate_burst, v_at))
                     / pace.per_second * 1000
           end
      from unnest(p_endpoint_ids, p_taken, p_rooms, p_bounds) as spent (endpoint_id, executions, room, bound)
      join kronos.endpoint_gate as gate on gate.endpoint_id = spent.endpoint_id
     cross join lateral (select gate.rate_count::double precision / gate.rate_seconds as per_second) as pace
     where spent.bound is not null and spent.executions >= spent.room;
end
$$;
