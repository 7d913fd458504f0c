-- delete_some: performs a deletion's next step, of about p_limit rows, in one transaction: a crash at any
-- point leaves nothing behind and repeats nothing. It waits for a lock at most 50 ms, so other sessions do
-- not wait longer for it. If rows of the workspace exist again, because a transaction that began before the
-- deletion lasted until now, it returns to the executions. A held copy does not delete history while weeks of
-- it are on other machines: there they belong to the original.
-- Returns: whether the deletion can continue immediately.
create or replace function kronos.delete_some(p_operation_id uuid, p_limit integer default 200)
returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '50ms'
as $$
declare
    v_deletion kronos.deletions;
    v_error    jsonb;
begin
    select * into v_deletion
      from kronos.deletions
     where operation_id = p_operation_id and status = 'RUNNING' and next_at <= kronos.clock()
       for update skip locked;
    if not found
    or v_deletion.phase = 'HISTORY' and kronos.is_held()
       and exists (select from kronos.moved_partitions()) then
        return false;
    end if;
    v_deletion.next_at := '-infinity';
    begin
        v_deletion := case v_deletion.phase
            when 'ENTRIES' then kronos.delete_entries(v_deletion, p_limit)
            when 'EXECUTIONS' then kronos.delete_executions(v_deletion, p_limit)
            when 'HISTORY' then kronos.delete_history(v_deletion, p_limit)
            when 'JOBS' then kronos.delete_jobs(v_deletion, greatest(p_limit / 2, 1))
            when 'NOTES' then kronos.delete_notes(v_deletion, p_limit * 5)
            else kronos.delete_rest(v_deletion, p_limit) end;
    exception
        when foreign_key_violation then
            v_error := jsonb_build_object('at', kronos.iso(kronos.clock()), 'type', sqlstate,
                                          'message', sqlerrm);
            v_deletion := kronos.next_phase(v_deletion, 'EXECUTIONS');
            v_deletion.next_at := kronos.clock() + interval '0.25 seconds';
        when others then
            v_error := jsonb_build_object('at', kronos.iso(kronos.clock()), 'type', sqlstate,
                                          'message', sqlerrm);
            v_deletion.next_at := kronos.clock() + case when kronos.is_passing(sqlstate)
                                                        then interval '0.5 seconds'
                                                        else interval '10 seconds' end;
            raise warning 'kronos: deletion % cannot continue yet: % (%)', p_operation_id, sqlerrm, sqlstate;
    end;
    update kronos.deletions
       set status = v_deletion.status, phase = v_deletion.phase, done = v_deletion.done,
           total = case when v_deletion.status = 'COMPLETED' then v_deletion.done
                        else greatest(total, v_deletion.done) end,
           after_at = v_deletion.after_at, after_id = v_deletion.after_id,
           after_status = v_deletion.after_status, next_at = v_deletion.next_at, last_error = v_error,
           completed_at = v_deletion.completed_at
     where operation_id = p_operation_id;
    return v_deletion.status = 'RUNNING' and v_deletion.next_at = '-infinity';
end
$$;
