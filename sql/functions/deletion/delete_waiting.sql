-- delete_waiting: executions of a deleted workspace that wait are deleted, with the attempts that they have
-- had. What somebody holds, or has claimed meanwhile, stays.
-- Returns: those that are gone.
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
    -- from under their overlap keys, and from their concurrency keys: none lets another go
    update kronos.execution_live as live
       set overlap_key = null, overlap_nth = null, visible_at = least(visible_at, kronos.now())
     where live.execution_id = any (v_ids) and live.overlap_key is not null;
    delete from kronos.execution_live as live where live.execution_id = any (v_ids);
    delete from kronos.attempt as attempt where attempt.execution_id = any (v_ids);
    delete from kronos.attempt_late as late where late.execution_id = any (v_ids);
    return v_ids;
end
$$;
