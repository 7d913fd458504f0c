-- counted_ticks: due_ticks, or admitted_ticks, for a job whose workspace has a max_executions_per_day. Each
-- tick that would be delivered is counted. Ticks that the day has no room for are SKIPPED, with the numbers,
-- and do not count as runs. A tick that is already accounted for, because the pointer was set back, is not
-- counted again. Its rows are those of due_ticks.
-- Raises: 55P03 if other sessions hold what the day has left, so that the rest is unknown. The job's ticks
-- stay due, and the next ring takes them (account_each).
create or replace function kronos.counted_ticks(p_job kronos.jobs, p_pointer kronos.pointers,
                                                p_now timestamptz)
returns table (kind text, scheduled_at timestamptz, run_at timestamptz, cause text, tick_count integer,
               reason jsonb, is_held boolean)
language plpgsql volatile rows 2 set search_path = pg_catalog, pg_temp
as $$
declare
    v_refusal jsonb;
    v_last    timestamptz;
    v_made    integer := 0;
begin
    for kind, scheduled_at, run_at, cause, tick_count, reason, is_held in
        select due.* from kronos.due_ticks(p_job, p_pointer, p_now) as due where p_job.overlap = 'ALLOW'
         union all
        select due.* from kronos.admitted_ticks(p_job, p_pointer, p_now) as due where p_job.overlap <> 'ALLOW'
    loop
        if kind = 'DELIVER' then
            if not kronos.is_accounted_for(kronos.tick_id(p_job.job_id, scheduled_at)) then
                -- once one is refused, the others are too: they all share the same room
                v_refusal := coalesce(v_refusal, kronos.take_executions(p_job.workspace_id, 1));
                if v_refusal ? 'is_held' then
                    raise exception using errcode = 'lock_not_available', message =
                        format('other sessions hold the last executions of the day of workspace %s',
                               p_job.workspace_id);
                end if;
            end if;
            if v_refusal is not null then
                kind := 'SKIPPED';
                run_at := scheduled_at;
                cause := 'SCHEDULE';
                reason := kronos.quota_reason(v_refusal);
                is_held := false;
            else
                v_last := scheduled_at;
                v_made := v_made + 1;
            end if;
        elsif kind = 'NEXT' then
            run_at := v_last;
            tick_count := v_made;
        end if;
        return next;
    end loop;
end
$$;
