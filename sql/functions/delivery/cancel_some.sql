-- cancel_some: ends up to p_limit more executions of a version of a cancelled job (cancelled_jobs). Those
-- that wait become CANCELLED; those that a worker is delivering get no other attempt. It goes by
-- scheduled_at, so that a step does not pass over what earlier steps have ended; then it starts again from
-- the beginning, after half a second, for executions that were locked or failed. One session at a time; it
-- waits for no row.
-- Returns: the number processed; 0 if nothing can be done at this moment, or nothing is left.
create or replace function kronos.cancel_some(p_job_id uuid, p_limit integer default 500) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
declare
    v_job    kronos.cancelled_jobs;
    v_found  record;
    v_result record;
    v_done   integer;
    v_is_end boolean;      -- the end of this pass
begin
    select * into v_job
      from kronos.cancelled_jobs
     where job_id = p_job_id and next_at <= kronos.clock()
       for update skip locked;
    if not found then
        return 0;
    end if;
    select coalesce(array_agg(open.execution_id order by open.execution_id), '{}') as execution_ids,
           max(open.scheduled_at) as last_at,
           (array_agg(open.execution_id
                      order by open.scheduled_at desc, open.execution_id desc))[1] as last_id into v_found
      from (select live.execution_id, live.scheduled_at
              from kronos.execution_live as live
             where live.job_id = p_job_id and live.job_id <> live.execution_id
               and (live.scheduled_at, live.execution_id) > (v_job.after_at, v_job.after_id)
               and (live.claim_token is null or live.cancel_reason is null)
             order by live.scheduled_at, live.execution_id
             limit p_limit
               for update skip locked) as open;
    select * into v_result from kronos.cancel_each(v_found.execution_ids, v_job.reason);
    v_done := cardinality(v_found.execution_ids) - v_result.failed;
    v_is_end := cardinality(v_found.execution_ids) < p_limit;
    if v_is_end and not exists (select
                                  from kronos.execution_live as live
                                 where live.job_id = p_job_id
                                   and live.job_id <> live.execution_id
                                   and (live.claim_token is null or live.cancel_reason is null)) then
        delete from kronos.cancelled_jobs where job_id = p_job_id;
        return v_done;
    end if;
    update kronos.cancelled_jobs
       set after_at = case when v_is_end then '-infinity' else v_found.last_at end,
           after_id = case when v_is_end then '00000000-0000-0000-0000-000000000000' else v_found.last_id end,
           next_at = case when v_is_end then kronos.clock() + interval '0.5 seconds' else '-infinity' end,
           last_error = coalesce(v_result.error, last_error)
     where job_id = p_job_id;
    return greatest(v_done, 1);
end
$$;
