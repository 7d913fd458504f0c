-- run_chained: creates the job runs that other jobs' runs have triggered by ending (call_back), and callback
-- deliveries to endpoints that were locked then, up to 100 that are due, each once: the run is created, or
-- recorded as SKIPPED, in the transaction that marks it as done. If another session has locked its job or
-- endpoint, or a passing error occurs, it is retried half a second later; any other failure does not stop the
-- others and is retried a minute later. It waits for no lock. While none is due, it costs one index probe.
-- p_since: runs that were due before are not read, as in expire_leases.
-- Returns: the number processed; null if none is due, or the instance is held.
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
                raise warning 'kronos: chained run % cannot be created: % (%)', v_due.execution_id, sqlerrm,
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
