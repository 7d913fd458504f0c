-- delete_history: a step of a deletion: deletes finished executions and their attempts, one span of ids after
-- the other; a span is a partition, or the gap between two. In each it reads the workspace's own rows, in the
-- order of the index that begins with the workspace (execution_done_newest), from where the previous step
-- ended. So no partition is read twice, and other workspaces' rows are not read.
-- Returns: the deletion's progress.
create or replace function kronos.delete_history(p_deletion kronos.deletions, p_limit integer)
returns kronos.deletions
language plpgsql volatile set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_hashjoin = off set enable_mergejoin = off
set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    c_highest constant uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid;
    v_deletion kronos.deletions := p_deletion;
    v_bounds   constant uuid[] := array(select bound.id
                                          from kronos.partitions() as partition
                                         cross join lateral (values (partition.from_id),
                                                                    (partition.to_id)) as bound (id)
                                         where partition.parent = 'execution_done'
                                           and bound.id > p_deletion.after_id
                                         group by bound.id
                                         order by bound.id
                                         limit 20);
    v_to       uuid;
    v_room     integer := p_limit;
    v_found    record;
begin
    -- with fewer than 20 bounds, the last span follows the last bound
    foreach v_to in array case when cardinality(v_bounds) < 20 then v_bounds || c_highest
                               else v_bounds end loop
        select array_agg(next.execution_id) as ids, count(*) as number, max(next.status) as status,
               (array_agg(next.created_at order by next.status desc, next.created_at desc))[1] as created_at
          into v_found
          from (select done.execution_id, done.status, done.created_at
                  from kronos.execution_done as done
                 where done.workspace_id = v_deletion.deleted_id
                   and done.execution_id >= v_deletion.after_id and done.execution_id < v_to
                   and (done.status, done.created_at) >= (v_deletion.after_status, v_deletion.after_at)
                 order by done.status, done.created_at
                 limit v_room) as next;
        delete from kronos.dead_letters as letter where letter.execution_id = any (v_found.ids);
        delete from kronos.execution_done as done
         where done.workspace_id = v_deletion.deleted_id and done.execution_id = any (v_found.ids);
        delete from kronos.attempt as attempt where attempt.execution_id = any (v_found.ids);
        delete from kronos.attempt_late as late where late.execution_id = any (v_found.ids);
        v_deletion.done := v_deletion.done + v_found.number;
        if v_found.number = v_room then
            v_deletion.after_status := v_found.status;
            v_deletion.after_at := v_found.created_at;
            return v_deletion;
        end if;
        v_room := v_room - v_found.number;
        v_deletion.after_id := v_to;
        v_deletion.after_status := '';
        v_deletion.after_at := '-infinity';
    end loop;
    return case when cardinality(v_bounds) = 20 then v_deletion
                else kronos.next_phase(v_deletion, 'JOBS') end;
end
$$;
