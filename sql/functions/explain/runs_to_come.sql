-- runs_to_come: the next p_count runs of a CRON job, within its window and its max_runs; for a paused job,
-- those after its resumption. Ticks already accounted for are not included, even if the clock was set back.
-- Row level security applies.
-- Returns: next_runs and skipped as in upcoming_runs; lints: one sentence each about what the user may not
-- expect. If the job's row cannot be read (for example, because it was written by SQL), no runs, and a lint
-- that says why: reading a job never fails because of that.
create or replace function kronos.runs_to_come(p_job kronos.jobs, p_count integer, out next_runs jsonb,
                                               out skipped jsonb, out lints text[])
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_live constant boolean     := p_job.status in ('ACTIVE', 'PAUSED');
    -- A tick at exactly this instant is no longer in the pause.
    v_resumes constant timestamptz := kronos.finite(p_job.resume_at) - interval '1 microsecond';
    v_after   constant timestamptz := greatest(kronos.now(), v_resumes,
                                               kronos.finite(p_job.starts_at) - interval '1 microsecond');
    v_until   constant timestamptz := kronos.finite(p_job.ends_at);
    v_runs    constant integer     := (select pointer.runs from kronos.pointer_of(p_job.job_id) as pointer);
    v_count   constant integer     :=
        case when v_is_live then least(p_count, p_job.max_runs::bigint - v_runs)::integer else 0 end;
    v_first   constant timestamptz :=
        (select nullif(coalesce(pointer.tick_at, pointer.next_tick_at), 'infinity')
           from kronos.pointer_of(p_job.job_id) as pointer);
    v_fault   text                 := kronos.schedule_fault(p_job.schedule);
begin
    if v_fault is null then
        begin
            if p_job.calendars = '{}' then
                select upcoming.next_runs, upcoming.skipped into next_runs, skipped
                  from kronos.upcoming_runs(p_job.schedule,
                                            greatest(v_after, v_first - interval '1 microsecond'), v_until,
                                            p_job.skip_next, v_count) as upcoming;
            else
                select coming.next_runs, coming.skipped into next_runs, skipped
                  from kronos.coming_runs(p_job.workspace_id, p_job.calendars, p_job.on_blackout,
                                          p_job.schedule, p_job.starts_at, v_until,
                                          v_first,
                                          greatest(kronos.now(), v_resumes),
                                          p_job.skip_next, v_count) as coming;
            end if;
            next_runs := kronos.with_run_times(p_job, next_runs);
            lints := case
                when v_is_live
                then array_remove(array[
                         case when p_job.status = 'PAUSED'
                              then 'the job is paused: nothing runs until '
                                   || coalesce(kronos.iso(p_job.resume_at), 'it is resumed')
                         end,
                         case when p_job.skip_next > 0 then 'ticks that will be skipped before the '
                                                            'next run (skip_next): ' || p_job.skip_next end
                     ], null) || kronos.lint_schedule(p_job.cron, p_job.schedule, v_after, v_until)
                     || case when v_count > 0
                             then kronos.lint_closures(p_job.workspace_id, p_job.calendars, v_after, v_until,
                                                       next_runs, skipped) else '{}' end
                else array['the schedule does not fire again']
            end;
            return;
        exception when data_exception or sqlstate 'KR001' then
            v_fault := format('its schedule cannot be read: %s (%s)', sqlerrm, sqlstate);
        end;
    end if;
    next_runs := '[]';
    skipped := '[]';
    lints := array[v_fault];
end
$$;
