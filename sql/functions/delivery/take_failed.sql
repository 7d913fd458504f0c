-- take_failed: takes FAILED executions out of the history, for their caller to make them due again in the
-- same transaction; one that somebody else has taken meanwhile, that has ended otherwise, or whose attempts
-- are as many as can be counted, is left. From the partitions that the ids name, a span of them at a time, as
-- in finished_among; their locks are kept, for this writes.
-- Returns: the rows that were taken. Passes over what another session has locked.
create or replace function kronos.take_failed(p_execution_ids uuid[]) returns setof kronos.execution_done
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    c_most_attempts constant integer := 32767;      -- what the rows hold
    v_ids uuid[];
begin
    for v_ids in select array_agg(
        given.id order by given.id
    ) from unnest(p_execution_ids) as given (id) group by left(given.id::text, 4) loop
        v_ids := array(select done.execution_id
                         from kronos.execution_done as done
                        where done.execution_id = any (v_ids)
                          and done.status = 'FAILED'
                          and done.attempt_count < c_most_attempts
                          for update skip locked);
        delete from kronos.dead_letters as letter where letter.execution_id = any (v_ids);
        return query
            delete from kronos.execution_done as done
             where done.execution_id = any (v_ids) and done.status = 'FAILED'
            returning done.*;
    end loop;
end
$$;
