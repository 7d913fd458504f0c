-- delete_waiting: deletes waiting executions of a deleted workspace, with the attempts that they have had.
-- Executions that are locked, or were claimed meanwhile, stay.
-- Returns: those that were deleted.
create or replace function kronos.delete_waiting(p_execution_ids uuid[]) returns uuid[]
language plpgsql volatile set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_hashjoin = off set enable_mergejoin = off
set enable_seqscan = off set jit = off
as $$
declare
    v_ids uuid[];
begin
    v_ids := array(select live.execution_id
                     from kronos.execution_live as live
                    where live.execution_id = any (p_execution_ids)
                      and live.claim_token is null
                    order by live.execution_id
                      for update skip locked);
    if v_ids = '{}' then
        return v_ids;
    end if;
    -- without their overlap and concurrency keys, so that none of them releases another
    update kronos.execution_live as live
       set overlap_key = null, overlap_nth = null, visible_at = least(visible_at, kronos.now())
     where live.execution_id = any (v_ids) and live.overlap_key is not null;
    delete from kronos.execution_live as live where live.execution_id = any (v_ids);
    delete from kronos.attempt as attempt where attempt.execution_id = any (v_ids);
    delete from kronos.attempt_late as late where late.execution_id = any (v_ids);
    return v_ids;
end
$$;
