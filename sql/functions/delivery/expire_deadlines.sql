-- expire_deadlines: ends executions whose deadline has passed while they waited for their first delivery or a
-- retry, up to p_limit: they become EXPIRED (expire_each). An execution that a worker is delivering may
-- finish; it is checked again only if it is due again. It makes no difference whether the workspace is
-- suspended or the endpoint full. On a held instance nothing happens, and no execution expires while its
-- cancelled job's executions are being ended (cancelled_jobs).
-- Executions without a deadline are not in the index that is read. Index entries with a deadline before
-- p_since, which another session's old snapshot keeps there, are skipped, as in expire_leases. Waits for no
-- lock, also not for a one-shot's row (is_job_free). If more than half of a full batch did not end, a second
-- batch is drawn by lot, as in expire_leases.
-- Returns: the number ended.
create or replace function kronos.expire_deadlines(p_limit integer,
                                                   p_since timestamptz default '-infinity')
returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
declare
    v_from  timestamptz      := p_since;
    v_share double precision := 1;      -- of those from v_from on
    v_last  timestamptz;
    v_ids   uuid[];
    v_ended integer          := 0;
begin
    -- The usual case: there are none.
    perform
       from kronos.execution_live as live
      where live.deadline_at is not null
        and live.claim_token is null
        and live.deadline_at <= kronos.now()
        and live.deadline_at >= p_since
      order by live.deadline_at
      limit 1;
    if not found or kronos.is_held() then
        return 0;
    end if;
    for v_batch in 1..2 loop
        with passed as (
            select live.execution_id, live.deadline_at
              from kronos.execution_live as live
             where live.deadline_at is not null
               and live.claim_token is null
               and live.deadline_at <= kronos.now()
               and live.deadline_at >= v_from
               and random() < v_share
               and live.job_id not in (select job_id from kronos.cancelled_jobs)
               and kronos.is_job_free(live)
             order by live.deadline_at
             limit p_limit
               for update of live skip locked
        )
        select coalesce(array_agg(passed.execution_id), '{}'), max(passed.deadline_at) into v_ids, v_last
          from passed;
        v_ended := v_ended + kronos.expire_each(v_ids);
        exit when cardinality(v_ids) < p_limit or v_ended >= p_limit / 2.0;
        v_from := v_last + round(random()) * random() * (kronos.now() - v_last);
        v_share := (select p_limit / greatest(p_limit, count(*))::double precision
                      from (select
                              from kronos.execution_live as live
                             where live.deadline_at is not null
                               and live.claim_token is null
                               and live.deadline_at <= kronos.now()
                               and live.deadline_at >= v_from
                             order by live.deadline_at
                             limit 20 * p_limit) as following);
    end loop;
    return v_ended;
end
$$;
