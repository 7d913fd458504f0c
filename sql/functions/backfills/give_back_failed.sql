-- give_back_failed: returns waiting runs that a backfill made due again to FAILED, with the error of their
-- last attempt, so that they are dead letters again. If they were cancelled, they would neither be delivered
-- nor be found among the failures. Runs as the caller: row level security applies. Locks the runs, ids
-- ascending.
create or replace function kronos.give_back_failed(p_backfill_id uuid) returns void
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_ids constant uuid[] := array(select live.execution_id
                                     from kronos.execution_live as live
                                     join kronos.backfill_redriven as again using (backfill_id, execution_id)
                                    where live.backfill_id = p_backfill_id
                                    order by live.execution_id
                                      for update of live);
begin
    with waiting as (
        delete from kronos.execution_live as live
         where live.execution_id = any (v_ids) and live.claim_token is null
        returning live as whole, live.error
    )
    insert into kronos.execution_done
    select done.*
      from waiting
     cross join lateral kronos.archived(waiting.whole, 'FAILED',
                                        jsonb_build_object('code', 'backfill_cancelled',
                                                           'detail', 'its backfill was cancelled'),
                                        null, waiting.error) as done
        on conflict do nothing;      -- as in finalize_executions
end
$$;
