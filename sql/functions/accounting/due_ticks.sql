-- due_ticks: decides what becomes of each nominal tick of a job, from its pointer up to p_now. It reads only
-- the rows it is given and writes nothing.
--
-- A tick that is accounted for within the grace (kronos.grace) after its time is on time and is delivered.
-- Older ticks are missed, and the job's policy decides: SKIP delivers none; LATEST delivers the newest within
-- the window, and only if no newer tick is delivered with it; ALL delivers each within the window. Of the
-- ticks to deliver, the first skip_next are skipped, and no more are delivered than max_runs leaves room for.
--
-- Returns:
-- - one DELIVER row per tick, in order. For a missed tick run_at is null: account_ticks spreads those over
--   all jobs;
-- - at most one MISSED and one SKIPPED row, each for a run of ticks before those;
-- - one NEXT row: scheduled_at is the new pointer, null if the schedule or ends_at leaves none; run_at is the
--   newest tick delivered; tick_count is the number delivered.
-- One call takes at most 10,000 ticks within the window (about 0.1 s); the rest is due immediately, and the
-- next ring finds it. Ticks before the window are only counted, however many there are.
--
-- The usual case is decided here: one tick, on time, of a job without special settings. judge_ticks decides
-- the rest, and judge_closed_ticks for jobs with calendars, whose head describes its additional rows.
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
