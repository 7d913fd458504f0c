-- due_ticks: what becomes of each nominal tick of a job from its pointer up to p_now. Pure: it reads the rows
-- it is given and writes nothing. A tick accounted for within the grace (kronos.grace) after its time is on
-- time and is delivered. Of the older ones, the missed, the job's policy delivers none (SKIP), the newest
-- within the window and only if no newer tick is delivered with it (LATEST), or each within the window (ALL).
-- Of what would be delivered, the first skip_next are skipped; and no more than max_runs leaves room for.
-- Returns: a DELIVER row a tick, in order (for a missed one without run_at: account_ticks spreads these over
-- all jobs); at most one MISSED and one SKIPPED row, each for a run of ticks before them; one NEXT row: in
-- scheduled_at the new pointer, null where the schedule or ends_at leaves none, in run_at the newest tick
-- delivered, in tick_count how many are. Of the ticks within the window at most 10,000 a call (about 0.1 s):
-- the rest is due at once, and found by the next ring. Those before it are counted, however many they are.
--
-- What nearly every call finds is answered here: one tick, on time, of a job that asks for nothing special.
-- The rest is judge_ticks', and of a job with calendars judge_closed_ticks', which says what else its rows
-- have.
create or replace function kronos.due_ticks(p_job kronos.jobs, p_pointer kronos.pointers, p_now timestamptz)
returns table (kind text, scheduled_at timestamptz, run_at timestamptz, cause text, tick_count integer,
               reason jsonb, is_held boolean)
language plpgsql stable rows 2 set search_path = pg_catalog, pg_temp
as $$
declare
    v_next timestamptz;
begin
    if p_pointer.next_tick_at between greatest(p_now - kronos.grace(), p_job.starts_at)
                                  and least(p_now, p_job.ends_at - interval '1 microsecond')
    and p_job.jitter_seconds + p_job.offset_seconds = 0
    and p_job.skip_next = 0
    and p_job.calendars = '{}'
    and (p_job.max_runs is null or p_job.max_runs > p_pointer.runs) then
        v_next := kronos.next_tick(p_job.schedule, p_pointer.next_tick_at);
        if v_next > p_now or v_next is null then
            kind := 'DELIVER';
            scheduled_at := p_pointer.next_tick_at;
            run_at := scheduled_at;
            cause := 'SCHEDULE';
            tick_count := 1;
            is_held := false;
            return next;
            kind := 'NEXT';
            scheduled_at := case when v_next >= p_job.ends_at then null else v_next end;
            cause := null;
            return next;
            return;
        end if;
    end if;
    if p_job.calendars = '{}' then
        return query select * from kronos.judge_ticks(p_job, p_pointer, p_now);
    else
        return query select * from kronos.judge_closed_ticks(p_job, p_pointer, p_now);
    end if;
end
$$;
