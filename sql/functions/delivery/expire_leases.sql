-- expire_leases: ends the attempts whose lease has expired since p_since, up to p_limit (lose_each). Each
-- becomes LOST. Its execution is due again immediately; or FAILED if its attempts or crashes are used up
-- (max_crashes 0: at most once) or it is older than its endpoint's max_age_seconds; or CANCELLED if it was
-- cancelled meanwhile, whatever is used up.
--
-- The only evidence is the row's own lease and the database's clock. The token is removed with the lease, so
-- a worker that comes back late is fenced. p_since: without it, each check reads the leases of all deliveries
-- made while another session reads in an old snapshot, 7,650 buffers after 100,000. Waits for nothing but a
-- gate's short lock: an execution whose one-shot's row another session has locked ends later (is_job_free).
-- One that cannot end stops no other (lose_each); nor do as many as p_limit: if more than half of a full
-- batch did not end, a second batch is drawn by lot from the rest: half the time from all that follow, up to
-- twenty batches, which may have expired at the same instant, and half the time from those after a random
-- instant. So each has its turn, however many cannot end.
-- Lock order: executions, gates, execution_done, attempt.
-- Returns: one row with the counts.
create or replace function kronos.expire_leases(p_limit integer, p_since timestamptz, out requeued integer,
                                                out failed integer)
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
declare
    v_from  timestamptz      := p_since;
    v_share double precision := 1;      -- of those from v_from on
    v_last  timestamptz;
    v_ids   uuid[];
    v_lost  record;
begin
    requeued := 0;
    failed   := 0;
    -- The usual case: there are none. The statement below, planned when the table was empty, would start its
    -- joins with everything that is or was in it.
    perform
       from kronos.execution_live as live
      where live.claim_token is not null
        and live.visible_at <= kronos.now()
        and live.visible_at >= p_since
      order by live.visible_at
      limit 1;
    if not found then
        return;
    end if;
    for v_batch in 1..2 loop
        with expired as (
            select live.execution_id, live.visible_at
              from kronos.execution_live as live
             where live.claim_token is not null
               and live.visible_at <= kronos.now()
               and live.visible_at >= v_from
               and random() < v_share
               and (not kronos.is_over_if_lost(live) or kronos.is_job_free(live))
             order by live.visible_at
             limit p_limit
               for update of live skip locked
        )
        select coalesce(array_agg(expired.execution_id), '{}'), max(expired.visible_at) into v_ids, v_last
          from expired;
        select * into v_lost from kronos.lose_each(v_ids);
        requeued := requeued + v_lost.requeued;
        failed   := failed + v_lost.failed;
        exit when cardinality(v_ids) < p_limit or requeued + failed >= p_limit / 2.0;
        v_from := v_last + round(random()) * random() * (kronos.now() - v_last);
        v_share := (select p_limit / greatest(p_limit, count(*))::double precision
                      from (select
                              from kronos.execution_live as live
                             where live.claim_token is not null
                               and live.visible_at <= kronos.now()
                               and live.visible_at >= v_from
                             order by live.visible_at
                             limit 20 * p_limit) as following);
    end loop;
end
$$;
