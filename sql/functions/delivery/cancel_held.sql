-- cancel_held: removes the overlap key of waiting executions that are about to be cancelled, so that none of
-- them releases the next one when it ends: that one is cancelled with them, and each release would read
-- everything that waits under the key. The caller cancels them in the same transaction.
create or replace function kronos.cancel_held(p_execution_ids uuid[]) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    perform from kronos.execution_live
      where execution_id = any (p_execution_ids)
      order by execution_id
        for update;
    update kronos.execution_live
       set overlap_key = null, overlap_nth = null, visible_at = least(visible_at, kronos.now())
     where execution_id = any (p_execution_ids)
       and overlap_key is not null
       and claim_token is null;
end
$$;
