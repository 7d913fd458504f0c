-- closed_ticks: the ticks of a job with calendars that are due, from its pointer on, in order, and what the
-- calendars make of each (fate_of): a tick is due when it runs, one that is skipped at its own time, and none
-- before those that stand before it: one that has waited for them is not late.
-- Returns: 10,000 at most, of kind SKIPPED, with its reason, or DELIVER; and of kind LEFT the first that is
-- not due, or not looked at. One that would have run before the version began is SKIPPED: it was another
-- version's, or nobody's.
create or replace function kronos.closed_ticks(p_job kronos.jobs, p_pointer kronos.pointers,
                                               p_now timestamptz)
returns table (tick timestamptz, due_at timestamptz, kind text, reason jsonb)
language plpgsql stable rows 10 set search_path = pg_catalog, pg_temp
as $$
declare
    c_most constant integer := 10000;
    v_fate record;
    v_latest timestamptz;
begin
    tick := coalesce(p_pointer.tick_at, p_pointer.next_tick_at);
    if tick < p_job.starts_at then      -- the pointer was set back by hand
        tick := kronos.next_tick(p_job.schedule, p_job.starts_at - interval '1 microsecond');
    end if;
    for v_nth in 0 .. c_most loop
        exit when tick is null or tick = 'infinity' or tick >= p_job.ends_at;
        v_fate := kronos.fate_of(p_job, tick);
        v_latest := greatest(v_latest, coalesce(v_fate.run_at, tick));
        due_at := v_latest;
        kind := case when v_fate.run_at is null then 'SKIPPED' else 'DELIVER' end;
        reason := v_fate.reason;
        if due_at < tick and due_at <= p_job.ticks_from then
            kind := 'SKIPPED';
            reason := reason || jsonb_build_object(
                'code', 'blackout_passed', 'detail', (reason ->> 'detail') || ', which had passed when this '
                                                     'version of the job began');
        end if;
        if due_at > p_now or v_nth = c_most then
            kind := 'LEFT';
        end if;
        return next;
        exit when kind = 'LEFT';
        tick := kronos.next_tick(p_job.schedule, tick);
    end loop;
end
$$;
