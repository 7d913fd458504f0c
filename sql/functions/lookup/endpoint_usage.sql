-- endpoint_usage: how much of an endpoint's limits is used, as the API shows it. waiting: due executions,
-- counted up to 1,000; waiting_for_key: those that wait for others with the same concurrency key, likewise.
create or replace function kronos.endpoint_usage(p_endpoint_id uuid) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('in_flight', state.in_flight, 'tokens', state.tokens,
                              'next_token_at', kronos.iso(state.next_token_at),
                              'closed_by', state.closed_by,
                              'waiting', (select count(*)
                                            from kronos.first_due_of(p_endpoint_id, '-infinity', 1000)),
                              'waiting_for_key', (select count(*)
                                                    from (select
                                                            from kronos.execution_live as live
                                                           where live.endpoint_id = p_endpoint_id
                                                             and live.parked_at is not null
                                                           limit 1000) as parked))
      from kronos.gate_state(p_endpoint_id) as state
$$;
