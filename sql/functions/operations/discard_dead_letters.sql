-- discard_dead_letters: an operation's next dead letters are none any more. The executions stay what they
-- are, FAILED with their history, and say when they were discarded and by which operation.
-- The caller holds them; one that is gone by now is counted as absent.
-- From the partitions that the ids name, a span of them at a time, as in finished_among; their locks are
-- kept, for this writes.
-- Returns: how many could not be, by reason.
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
