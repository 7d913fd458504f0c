-- account_upto: accounts for all ticks of ACTIVE jobs up to p_upto. One call of account_each takes at most
-- 10,000 ticks of a job and, if its runs are counted, no more than max_runs leaves room for. So account_each
-- is called until nothing is due or nothing moves any more; at most five times if that takes longer than a
-- second.
-- The caller holds the rows' locks. A caller that ends or changes a job must check left_job_ids: after the
-- change, nothing accounts for those ticks.
-- Returns: left_job_ids: jobs that still have due ticks although their rows are sound, because there were too
-- many ticks or a passing condition was in the way (is_passing); delivered: the number of executions created.
create or replace function kronos.account_upto(p_job_ids uuid[], p_upto timestamptz,
                                               out left_job_ids uuid[], out delivered integer)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    c_calls  constant integer := 5;      -- a window of a job that runs every minute has 44,640 ticks at most
    v_until  constant timestamptz := kronos.clock() + interval '1 second';
    v_calls  integer := 0;
    v_at     timestamptz[];
    v_before timestamptz[];
begin
    delivered := 0;
    loop
        select coalesce(array_agg(pointer.job_id order by pointer.next_tick_at, pointer.job_id), '{}'),
               array_agg(pointer.next_tick_at order by pointer.next_tick_at, pointer.job_id)
          into left_job_ids, v_at
          from kronos.jobs as job
         cross join lateral kronos.pointer_of(job.job_id) as pointer
         where job.job_id = any (p_job_ids)
           and job.status = 'ACTIVE'
           and pointer.next_tick_at <= p_upto;
        exit when left_job_ids = '{}' or v_at = v_before
               or (v_calls >= c_calls and kronos.clock() >= v_until);
        v_before := v_at;
        v_calls := v_calls + 1;
        delivered := delivered + kronos.account_each(left_job_ids, p_upto);
    end loop;
    left_job_ids := array(select job.job_id
                            from kronos.jobs as job
                           where job.job_id = any (left_job_ids)
                             and kronos.job_fault(job) is null);
end
$$;
