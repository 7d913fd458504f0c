-- found_executions: find_executions, limited to executions to an endpoint of this name and to those that
-- contain a text: in the type or message of their error, in their status reason, in their job's name, or at
-- the beginning of their id. A null filter matches all. Neither has an index: the list is walked, newest
-- first, 10,000 executions per call.
-- Returns: newest first. If it stopped at 10,000, a last row marks the place (is_place) from which the next
-- call continues. Runs as the caller: row level security applies.
create or replace function kronos.found_executions(
    p_job_ids uuid[], p_status text, p_scheduled_after timestamptz, p_scheduled_before timestamptz,
    p_before_created_at timestamptz, p_before_id uuid, p_endpoint text, p_q text, p_limit integer
)
returns table (execution_id uuid, created_at timestamptz, is_place boolean)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off
as $$
declare
    c_some      constant integer := 500;
    v_left      integer          := 10000;
    v_at        timestamptz      := p_before_created_at;
    v_id        uuid             := p_before_id;
    v_ids       uuid[];
    v_times     timestamptz[];
    v_number    integer;
    v_found     integer          := 0;
    v_endpoints constant uuid[]  := array(select endpoint.endpoint_id
                                            from kronos.endpoints as endpoint
                                           where endpoint.workspace_id = kronos.current_workspace_id()
                                             and endpoint.name = p_endpoint);
begin
    if p_endpoint is not null and v_endpoints = '{}' then
        return;
    end if;
    loop
        select array_agg(found.execution_id order by found.created_at desc, found.execution_id desc),
               array_agg(found.created_at order by found.created_at desc, found.execution_id desc)
          into v_ids, v_times
          from kronos.find_executions(p_job_ids, p_status, p_scheduled_after, p_scheduled_before, v_at, v_id,
                                      c_some) as found;
        return query
            select run.execution_id, run.created_at, false
              from (select live.execution_id, live.created_at, live.endpoint_id, live.job_id, live.error,
                           null::jsonb as status_reason
                      from kronos.execution_live as live
                     where live.execution_id = any (v_ids)
                     union all
                    select done.execution_id, done.created_at, done.endpoint_id, done.job_id, done.error,
                           done.status_reason
                      from kronos.done_among(v_ids) as done) as run
              left join kronos.jobs as job on job.job_id = run.job_id
             where (p_endpoint is null or run.endpoint_id = any (v_endpoints))
               and (p_q is null
                    or position(lower(p_q) in lower(concat_ws(' ', job.name, run.error ->> 'type',
                                                              run.error ->> 'message',
                                                              run.status_reason ->> 'code',
                                                              run.status_reason ->> 'detail'))) > 0
                    or starts_with(run.execution_id::text, lower(p_q)))
             order by run.created_at desc, run.execution_id desc
             limit p_limit - v_found;
        get diagnostics v_number = row_count;
        v_found := v_found + v_number;
        exit when v_found = p_limit or coalesce(cardinality(v_ids), 0) < c_some;
        v_at := v_times[c_some];
        v_id := v_ids[c_some];
        v_left := v_left - c_some;
        if v_left = 0 then
            execution_id := v_id;
            created_at := v_at;
            is_place := true;
            return next;
            return;
        end if;
    end loop;
end
$$;
