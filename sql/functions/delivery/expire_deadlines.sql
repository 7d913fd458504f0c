-- expire_deadlines: ends executions whose deadline has come while they waited, for their first delivery or
-- the next try, up to p_limit: they are EXPIRED (expire_each). One that a worker is at work on may end:
-- it is looked at again only where it is due again. Whether its workspace is suspended or its endpoint full
-- makes no difference; on an instance that is held nothing happens, and of a cancelled job whose executions
-- are being ended (cancelled_jobs) none expires. Those without a deadline are not in the index that is read;
-- nor, of those whose deadline came before p_since, what another session's old snapshot keeps of them there,
-- as in expire_leases.
-- Waits for nobody. Returns: how many.
create or replace function kronos.expire_deadlines(p_limit integer,
                                                   p_since timestamptz default '-infinity')
returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
begin
    -- What nearly every look finds.
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
    return kronos.expire_each(array(
        select live.execution_id
          from kronos.execution_live as live
         where live.deadline_at is not null
           and live.claim_token is null
           and live.deadline_at <= kronos.now()
           and live.deadline_at >= p_since
           and live.job_id not in (select job_id from kronos.cancelled_jobs)
         order by live.deadline_at
         limit p_limit
           for update skip locked));
end
$$;
