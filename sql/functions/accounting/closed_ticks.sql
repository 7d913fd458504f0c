-- closed_ticks: the due ticks of a job with calendars, in order from its pointer, and what the calendars do
-- with each (fate_of). A tick is due when it is to run; a skipped tick is due at its own time. No tick is due
-- before the ticks ahead of it, and a tick that waited for those is not late.
-- Returns: at most 10,000 rows of kind SKIPPED, with the reason, or DELIVER; then one of kind LEFT, the first
-- tick that is not due or was not examined. A tick that would have run before this version began is SKIPPED:
-- it belonged to another version, or to none.
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
