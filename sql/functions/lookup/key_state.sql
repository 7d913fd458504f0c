-- key_state: what an execution parked under a concurrency key waits for: how many executions with the key are
-- running, how many may run, and how many wait before it, counted up to 1,000. Row level security applies.
create or replace function kronos.key_state(p_endpoint_id uuid, p_key text, p_parked_at timestamptz)
returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('concurrency_key', p_key, 'max_concurrency_per_key', gate.key_max,
                              'running', (select count(*)
                                            from kronos.execution_live as running
                                           where running.endpoint_id = p_endpoint_id
                                             and running.concurrency_key = p_key
                                             and running.parked_at is null
                                             and running.claim_token is not null),
                              'before', (select count(*)
                                           from (select
                                                   from kronos.execution_live as parked
                                                  where parked.endpoint_id = p_endpoint_id
                                                    and parked.concurrency_key = p_key
                                                    and parked.parked_at < p_parked_at
                                                  limit 1000) as earlier))
      from kronos.endpoint_gate as gate
     where gate.endpoint_id = p_endpoint_id
$$;
