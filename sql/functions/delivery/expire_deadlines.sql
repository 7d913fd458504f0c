-- expire_deadlines: ends executions whose deadline has come while they waited, for their first delivery or
-- the next try, up to p_limit: they are EXPIRED. One that a worker is at work on may end: it is looked at
-- again only where it is due again. Whether its workspace is suspended or its endpoint full makes no
-- difference; on an instance that is held nothing happens. Those without a deadline are not in the index that
-- is read.
-- Waits for nobody. Returns: how many.
create or replace function kronos.expire_deadlines(p_limit integer) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
declare
    v_expired integer := 0;
begin
    -- What nearly every look finds.
    perform
       from kronos.execution_live as live
      where live.deadline_at is not null
        and live.claim_token is null
        and live.deadline_at <= kronos.now()
      order by live.deadline_at
      limit 1;
    if not found or kronos.is_held() then
        return 0;
    end if;
    with late as materialized (
        select live.*, live as whole
          from kronos.execution_live as live
         where live.deadline_at is not null
           and live.claim_token is null
           and live.deadline_at <= kronos.now()
         order by live.deadline_at
         limit p_limit
           for update skip locked
    ), ended as (
        delete from kronos.execution_live as live
         using late
         where live.execution_id = late.execution_id
    ), archived as (
        insert into kronos.execution_done
        select done.*
          from late
         cross join lateral kronos.archived(
                   late.whole, 'EXPIRED',
                   jsonb_build_object('code', 'deadline_passed', 'deadline_at', kronos.iso(late.deadline_at),
                                      'detail', case when late.attempt_count = 0
                                                     then 'it was not delivered before its deadline'
                                                     else format('none of its attempts, %s by then, had '
                                                                 'succeeded before its deadline',
                                                                 late.attempt_count) end),
                   null, late.error
               ) as done
            on conflict (execution_id) do nothing      -- as finalize_executions
    )
    select count(*) into v_expired from late;
    return v_expired;
end
$$;
