-- admitted_ticks: due_ticks for a job whose runs must not overlap: each tick that would be delivered must
-- first be admitted. Ticks that are accounted for together also compete with each other: under SKIP the first
-- is admitted, under QUEUE the first two, under REPLACE the last. The caller holds the job's row lock.
-- Returns: rows as due_ticks; a tick that is not admitted is SKIPPED; is_held for one that has to wait.
create or replace function kronos.admitted_ticks(p_job kronos.jobs, p_pointer kronos.pointers,
                                                 p_now timestamptz)
returns table (kind text, scheduled_at timestamptz, run_at timestamptz, cause text, tick_count integer,
               reason jsonb, is_held boolean)
language plpgsql volatile rows 2 set search_path = pg_catalog, pg_temp
as $$
declare
    v_due      record;
    v_newest   timestamptz;
    v_verdict  text;
    v_first    text;                -- the verdict on the first tick that was admitted
    v_last     timestamptz;
    v_let_in   integer := 0;
begin
    select max(due.scheduled_at) into v_newest
      from kronos.due_ticks(p_job, p_pointer, p_now) as due
     where due.kind = 'DELIVER';
    for v_due in select * from kronos.due_ticks(p_job, p_pointer, p_now) loop
        kind := v_due.kind;
        scheduled_at := v_due.scheduled_at;
        run_at := v_due.run_at;
        cause := v_due.cause;
        tick_count := v_due.tick_count;
        reason := v_due.reason;
        is_held := false;
        if v_due.kind = 'DELIVER'
        and kronos.is_accounted_for(kronos.tick_id(p_job.job_id, v_due.scheduled_at)) then
            -- The pointer was set back: no execution is created again, so this tick takes no other tick's
            -- place and ends no run.
            null;
        elsif v_due.kind = 'DELIVER' then
            if p_job.overlap = 'REPLACE' and scheduled_at < v_newest then
                v_verdict := 'SKIP';
                reason := jsonb_build_object('code', 'overlap_replaced',
                                             'detail', 'a newer tick due at the same time replaced it');
            elsif v_let_in = 0 then
                select admitted.verdict, admitted.reason into v_verdict, reason
                  from kronos.admit_run(p_job, p_now) as admitted;
                v_first := v_verdict;
            elsif p_job.overlap = 'QUEUE' and v_let_in = 1 and v_first = 'RUN' then
                v_verdict := 'HOLD';
            else
                v_verdict := 'SKIP';
                reason := jsonb_build_object('code', case p_job.overlap
                                                          when 'QUEUE' then 'overlap_queue_full'
                                                          else 'overlap' end, 'detail',
                                             'earlier ticks due at the same time have yet to run');
            end if;
            if v_verdict = 'SKIP' then
                kind := 'SKIPPED';
                run_at := scheduled_at;
                cause := 'SCHEDULE';
            else
                reason := v_due.reason;
                is_held := v_verdict = 'HOLD';
                v_last := scheduled_at;
                v_let_in := v_let_in + 1;
            end if;
        elsif v_due.kind = 'NEXT' then
            run_at := v_last;
            tick_count := v_let_in;
        end if;
        return next;
    end loop;
end
$$;
