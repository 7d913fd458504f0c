-- follow_instants: accounts for the ticks of those of the jobs that are ACTIVE up to the last of the
-- instants at which their workspace was suspended and resumed, in turn. The caller holds the rows' locks.
-- Raises: 55P03 where ticks cannot be accounted for at this moment.
create or replace function kronos.follow_instants(p_job_ids uuid[], p_instants timestamptz[]) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_halted constant uuid[] := array(select pointer.job_id
                                        from unnest(p_job_ids) as asked (job_id)
                                       cross join lateral kronos.pointer_of(asked.job_id) as pointer
                                       where pointer.is_halted);
    v_due    uuid[];
begin
    for v_nth in 1 .. cardinality(p_instants) loop
        -- A call takes 10,000 ticks at most; no window holds more than 44,640.
        for v_call in 1 .. 5 loop
            v_due := array(select pointer.job_id
                             from kronos.jobs as job
                            cross join lateral kronos.pointer_of(job.job_id) as pointer
                            where job.job_id = any (p_job_ids)
                              and job.status = 'ACTIVE'
                              and pointer.next_tick_at <= p_instants[v_nth]
                              and not (v_nth = 1 and pointer.job_id = any (v_halted))
                            order by pointer.next_tick_at);
            exit when v_due = '{}';
            if v_nth % 2 = 0 then
                perform kronos.skip_each(v_due, p_instants[v_nth],
                                         kronos.suspension_reason(p_instants[v_nth - 1]));
                v_due := '{}';
                exit;
            end if;
            perform kronos.account_each(v_due, p_instants[v_nth]);
        end loop;
        -- As in settle_ticks: what has failed for the moment only is no job's fault, and is tried again.
        if v_due <> '{}' and exists (
                   select
                     from kronos.jobs as job
                    cross join lateral kronos.pointer_of(job.job_id) as pointer
                    where job.job_id = any (v_due)
                      and job.status = 'ACTIVE'
                      and pointer.next_tick_at <= p_instants[v_nth]
                      and kronos.job_fault(job) is null) then
            raise exception 'ticks of jobs that are due cannot be accounted for at this moment, of % among '
                            'them', v_due[1]
                using errcode = 'lock_not_available';
        end if;
    end loop;
end
$$;
