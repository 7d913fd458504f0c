-- run_chained: the runs of jobs that ended runs of others have set off (call_back), and what these send to
-- endpoints that were locked, up to 100 of those whose time has come, each once: it is made, or recorded as
-- SKIPPED, in the transaction that notes that it was. One whose job or endpoint somebody has locked, or that
-- meets what passes, comes again half a second later. One that
-- cannot be made stops no other, and comes again a minute later. It costs an index's probe while none is due.
-- p_since: those that were due before are not looked at, as in expire_leases.
-- Waits for nobody.
-- Returns: how many were looked at; null where none is due, or the instance is held.
create or replace function kronos.run_chained(p_limit integer, p_since timestamptz default '-infinity')
returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
declare
    v_due  kronos.callbacks;
    v_rows integer;
    v_wait interval;
begin
    if kronos.is_held() then
        return null;
    end if;
    for v_due in
        select due.*
          from kronos.callbacks as due
         where due.due_at <= kronos.clock()
           and due.due_at >= p_since
         order by due.due_at
         limit least(p_limit, 100)
           for update skip locked
    loop
        v_rows := coalesce(v_rows, 0) + 1;
        begin
            v_wait := case when not case when v_due.endpoint_id is null then kronos.run_chained_job(v_due)
                                         else kronos.run_chained_delivery(v_due) end
                           then interval '0.5 seconds' end;
        exception when others then
            v_wait := interval '0.5 seconds';
            if not kronos.is_passing(sqlstate) then
                raise warning 'kronos: run % of a chain cannot be made: % (%)', v_due.execution_id, sqlerrm,
                              sqlstate;
                v_wait := interval '1 minute';
            end if;
        end;
        update kronos.callbacks
           set due_at = kronos.clock() + v_wait, input = case when v_wait is not null then input end
         where execution_id = v_due.execution_id;
    end loop;
    return v_rows;
end
$$;
