-- ended_attempts: the attempts of the given executions that were ended by their own workers, that is, neither
-- LOST nor replaced by a newer run. Each is searched for in the one partition that its execution's id names
-- (see finished_among).
create or replace function kronos.ended_attempts(p_execution_ids uuid[])
returns table (execution_id uuid, claim_token uuid)
language plpgsql stable rows 10 security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
begin
    return query
        select attempt.execution_id, attempt.claim_token
          from kronos.attempt as attempt
         where attempt.execution_id = any (p_execution_ids)
           and attempt.status <> 'LOST'
           and attempt.error ->> 'type' is distinct from 'overlap_replaced'
         union all
        select done.execution_id, done.attempt_token
          from kronos.execution_done as done
         where done.execution_id = any (p_execution_ids)
           and done.attempt_token is not null;
end
$$;
