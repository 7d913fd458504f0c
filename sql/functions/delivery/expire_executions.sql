-- expire_executions: ends waiting executions whose deadline has passed: they become EXPIRED, or FAILED if the
-- deadline was the age limit of their endpoint's retry policy (is_age_limited). The caller holds them.
-- Returns: the number ended.
create or replace function kronos.expire_executions(p_execution_ids uuid[]) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
declare
    v_expired integer;
begin
    with ended as (
        delete from kronos.execution_live as live
         where live.execution_id = any (p_execution_ids)
        returning live as whole, live.error, live.deadline_at, live.attempt_count,
                  coalesce(live.is_age_limited and live.deadline_at >= kronos.age_limit(live), false)
                      as is_too_old,
                  extract(epoch from live.deadline_at - live.run_at)::bigint as seconds
    ), archived as (
        insert into kronos.execution_done
        select done.*
          from ended
         cross join lateral kronos.archived(
                   ended.whole, case when ended.is_too_old then 'FAILED' else 'EXPIRED' end,
                   case when ended.is_too_old
                        then kronos.failure_reason('FAILED', true, false, true, false,
                                                   1000 * ended.seconds, ended.error)
                        else jsonb_build_object('code', 'deadline_passed',
                                      'deadline_at', kronos.iso(ended.deadline_at),
                                      'detail', case when ended.attempt_count = 0
                                                     then 'it was not delivered before its deadline'
                                                     else format('none of its attempts succeeded before its '
                                                                 'deadline (attempts: %s)',
                                                                 ended.attempt_count) end)
                   end,
                   null, ended.error
               ) as done
            on conflict do nothing      -- as in finalize_executions
    )
    select count(*) into v_expired from ended;
    return v_expired;
end
$$;
