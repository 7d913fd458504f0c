-- read_attempt_page: the attempts of one execution after a number, as in kronos.attempts: at most p_limit,
-- and at most p_bytes of documents (measured as in read_execution_page), but at least one. more_follow: there
-- are others after the page. Reads only the partition that the execution's id names (see finished_among).
-- Runs as the caller: row level security applies.
create or replace function kronos.read_attempt_page(p_execution_id uuid, p_after integer, p_limit integer,
                                                    p_bytes integer)
returns table (workspace_id uuid, attempt_number smallint, status text, started_at timestamptz,
               completed_at timestamptz, duration_ms integer, request jsonb, response jsonb, error jsonb,
               worker_id text, endpoint_version integer, more_follow boolean)
language plpgsql stable rows 5 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_last  smallint;
    v_rows  integer := 0;
    v_bytes bigint  := 0;
    v_row   record;
begin
    for v_row in
        select attempt.attempt_number, attempt.request, attempt.response, attempt.error
          from kronos.attempts as attempt
         where attempt.execution_id = p_execution_id
           and attempt.attempt_number > p_after
         order by attempt.attempt_number
         limit p_limit
    loop
        v_bytes := v_bytes + coalesce(octet_length(v_row.request::text), 0)
                   + coalesce(octet_length(v_row.response::text), 0)
                 + coalesce(octet_length(v_row.error::text), 0);
        exit when v_bytes > p_bytes and v_rows > 0;
        v_rows := v_rows + 1;
        v_last := v_row.attempt_number;
    end loop;
    return query
        select attempt.workspace_id, attempt.attempt_number, attempt.status, attempt.started_at,
               attempt.completed_at, attempt.duration_ms, attempt.request, attempt.response, attempt.error,
               attempt.worker_id, attempt.endpoint_version,
               exists (select from kronos.attempts as later
                        where later.execution_id = p_execution_id and later.attempt_number > v_last)
          from kronos.attempts as attempt
         where attempt.execution_id = p_execution_id
           and attempt.attempt_number > p_after
           and attempt.attempt_number <= v_last;
end
$$;
