-- discard_dead_letters: discards an operation's next dead letters. The executions stay FAILED and keep their
-- history, with when they were discarded and by which operation.
-- The caller holds them locked; one that no longer exists is counted as absent. Reads the partitions that the
-- ids name, a span of ids at a time, as finished_among; their locks are kept, since this writes.
-- Returns: how many could not be discarded, by reason.
create or replace function kronos.discard_dead_letters(p_operation kronos.operations, p_execution_ids uuid[])
returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_ids    uuid[];
    v_absent bigint;
begin
    with gone as (
        delete from kronos.dead_letters where execution_id = any (p_execution_ids) returning execution_id
    )
    select cardinality(p_execution_ids) - count(*), coalesce(array_agg(gone.execution_id), '{}')
      into v_absent, p_execution_ids
      from gone;
    for v_ids in
        select array_agg(given.id order by given.id)
          from unnest(p_execution_ids) as given (id)
         group by left(given.id::text, 4)
    loop
        update kronos.execution_done as done
           set status_reason = coalesce(done.status_reason, '{}')
                               || jsonb_build_object('discarded_at', kronos.iso(kronos.clock()),
                                                     'operation_id', p_operation.operation_id)
         where done.execution_id = any (v_ids)
           and done.status = 'FAILED';
    end loop;
    return case when v_absent > 0 then jsonb_build_object('absent', v_absent) else '{}'::jsonb end;
end
$$;
