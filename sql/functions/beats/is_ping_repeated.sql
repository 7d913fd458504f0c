-- is_ping_repeated: whether the run reported the same within the last ten minutes: a client that did not
-- receive the response repeats its ping. For a ping without a run id this cannot be known.
create or replace function kronos.is_ping_repeated(p_heartbeat_id uuid, p_kind text, p_exit_code smallint,
                                                   p_run_id text, p_now timestamptz)
returns boolean
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select exists (select
                     from kronos.beat_pings as said
                    where said.heartbeat_id = p_heartbeat_id and said.run_id = p_run_id
                      and said.kind = p_kind and said.exit_code is not distinct from p_exit_code
                      and said.at between p_now - interval '10 minutes' and p_now)
$$;
