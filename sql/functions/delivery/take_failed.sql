-- take_failed: deletes FAILED executions from the history, for its caller to make them due again in the same
-- transaction. An execution is left if another session has taken it meanwhile, if it has ended otherwise, or
-- if its attempts have reached the column's maximum. Rows that another session has locked are skipped. It
-- reads the partitions that the ids name, one span at a time, as in finished_among; their locks are kept,
-- because this writes.
-- Returns: the rows taken.
create or replace function kronos.take_failed(p_execution_ids uuid[]) returns setof kronos.execution_done
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_ids uuid[];
begin
    for v_ids in select array_agg(
        given.id order by given.id
    ) from unnest(p_execution_ids) as given (id) group by left(given.id::text, 4) loop
        v_ids := array(select done.execution_id
                         from kronos.execution_done as done
                        where done.execution_id = any (v_ids)
                          and done.status = 'FAILED'
                          and done.attempt_count < kronos.most_attempts()
                          for update skip locked);
        delete from kronos.dead_letters as letter where letter.execution_id = any (v_ids);
        return query
            delete from kronos.execution_done as done
             where done.execution_id = any (v_ids) and done.status = 'FAILED'
            returning done.*;
    end loop;
end
$$;
