-- follow_instants: accounts for the ticks of the given jobs that are ACTIVE, up to the last of the instants
-- at which their workspace was suspended and resumed, one instant after the other. The caller holds the rows'
-- locks.
-- Returns: the jobs that did not reach the last instant, because their ticks cannot be accounted for now or
-- are too many for one call (account_upto). The work done for them is kept; the next call continues there.
create or replace function kronos.follow_instants(p_job_ids uuid[], p_instants timestamptz[]) returns uuid[]
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_halted constant uuid[] := array(select pointer.job_id
                                        from unnest(p_job_ids) as asked (job_id)
                                       cross join lateral kronos.pointer_of(asked.job_id) as pointer
                                       where pointer.is_halted);
    v_late   uuid[] := '{}'::uuid[];
    v_due    uuid[];
    v_left   uuid[];
begin
    for v_nth in 1 .. cardinality(p_instants) loop
        v_due := array(select pointer.job_id
                         from kronos.jobs as job
                        cross join lateral kronos.pointer_of(job.job_id) as pointer
                        where job.job_id = any (p_job_ids)
                          and job.status = 'ACTIVE'
                          and pointer.next_tick_at <= p_instants[v_nth]
                          and not (v_nth = 1 and pointer.job_id = any (v_halted))
                          and pointer.job_id <> all (v_late));
        continue when v_due = '{}';
        if v_nth % 2 = 0 then
            perform kronos.skip_each(v_due, p_instants[v_nth],
                                     kronos.suspension_reason(p_instants[v_nth - 1]));
        else
            select account.left_job_ids into v_left
              from kronos.account_upto(v_due, p_instants[v_nth]) as account;
            v_late := v_late || v_left;
        end if;
    end loop;
    return v_late;
end
$$;
