-- change_next: processes the next jobs of an operation over jobs, which change_some holds, and stores its
-- position. Each job is a subtransaction, so a rejected job does not stop the others; it is counted, and the
-- first 50 are listed. One step takes up to 100 jobs and a tenth of a second; with per_second, the share of a
-- quarter of a second.
--
-- A locked job is retried every half second, and rejected after a minute, so that it does not stop the
-- others. After one such job the limit is half a minute, then a third, and so on: a thousand of them take
-- minutes, not a day. When a text is searched for, a step reads up to 2,000 jobs that may contain it, and the
-- next step those after them (search_edge).
-- Returns: the number of jobs processed.
-- Raises: errors that mean no job can be changed, for example if pg_cron's functions do not exist
-- (tried_change).
create or replace function kronos.change_next(p_operation kronos.operations) returns integer
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_now   constant timestamptz := kronos.clock();
    v_limit constant integer     := least(100, ceil(p_operation.per_second / 4.0)::integer);
    v_edge  constant timestamptz := kronos.search_edge(p_operation.which, p_operation.position_at,
                                                       p_operation.position_id, 2000);
    v_held    integer := coalesce((p_operation.failures ->> 'held')::integer, 0);
    v_ids     uuid[];
    v_times   timestamptz[];
    v_rows    integer := 0;
    v_refusal jsonb;
    v_is_held boolean := false;
    v_is_end  boolean;
begin
    select coalesce(array_agg(each.job_id order by each.created_at desc, each.job_id desc), '{}'),
           array_agg(each.created_at order by each.created_at desc, each.job_id desc) into v_ids, v_times
      from kronos.jobs_to_change(p_operation.which || case when v_edge is null then '{}'
                                                           else jsonb_build_object('created_after', v_edge)
                                                      end,
                                 p_operation.position_at, p_operation.position_id, v_limit) as each;
    for v_nth in 1 .. cardinality(v_ids) loop
        exit when v_rows > 0 and kronos.clock() > v_now + interval '100 milliseconds';
        v_refusal := kronos.tried_change(p_operation, v_ids[v_nth]);
        v_is_held := coalesce(v_refusal ->> 'code' = 'held', false)
                     and (v_rows > 0
                          or v_now - coalesce(p_operation.held_since, v_now)
                             < interval '1 minute' / (1 + v_held));
        exit when v_is_held;
        v_rows := v_rows + 1;
        p_operation := kronos.counted_change(p_operation, v_ids[v_nth], v_times[v_nth], v_refusal);
    end loop;
    v_is_end := v_rows = cardinality(v_ids) and v_rows < v_limit;
    if v_is_end and v_edge is not null then
        v_is_end := false;
        p_operation.position_at := v_edge;
        p_operation.position_id := 'ffffffff-ffff-ffff-ffff-ffffffffffff';      -- all jobs of that instant
    end if;
    update kronos.operations
       set done = p_operation.done, failed = p_operation.failed, failures = p_operation.failures,
           refused = p_operation.refused, position_at = p_operation.position_at,
           position_id = p_operation.position_id,
           held_since = case when v_is_held and v_rows = 0 then coalesce(held_since, v_now)
                             when v_is_held then v_now end,
           next_at = case when v_is_held then kronos.clock() + interval '0.5 seconds'
                          when per_second is null then next_at
                          else kronos.clock() + make_interval(secs => v_rows::double precision / per_second)
                     end,
           status = case when v_is_end then 'COMPLETED' else 'RUNNING' end,
           completed_at = case when v_is_end then kronos.clock() end
     where operation_id = p_operation.operation_id;
    return v_rows;
end
$$;
