-- next_counted: the first p_count ticks of a job from p_tick on that skip_next and max_runs count: ticks
-- outside its pause that its calendars let run. For a job with calendars at most 2,000 ticks are examined,
-- and at most 200 in a row that do not run.
-- Returns: ascending; fewer if the schedule or the job ends, or if no more are found.
-- Raises: 22xxx if the schedule is malformed.
create or replace function kronos.next_counted(p_job kronos.jobs, p_tick timestamptz, p_count integer)
returns setof timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    c_moment  constant interval    := interval '1 microsecond';
    v_resumes constant timestamptz := kronos.finite(p_job.resume_at);
    v_tick   timestamptz;
    v_latest timestamptz;      -- when the ticks up to this one are accounted for
    v_left   integer := p_count;
    v_row    integer := 0;      -- ticks since the last one that runs
    v_before timestamptz;
    v_since  timestamptz;
    v_run    record;
begin
    if p_job.calendars = '{}' then
        return query select kronos.next_ticks(p_job.schedule, greatest(p_tick, v_resumes) - c_moment,
                                              p_count);
        return;
    end if;
    v_tick := greatest(p_tick, case when v_resumes is not null
                                    then kronos.first_waiting(p_job.schedule, p_job.on_blackout,
                                                              v_resumes - c_moment) end);
    for v_nth in 1 .. 2000 loop
        v_since := kronos.runs_since(p_job.schedule, p_job.on_blackout, v_since, v_before, v_tick);
        if v_row > 0 and v_row % 20 = 0 then
            v_tick := kronos.leapt(p_job.workspace_id, p_job.calendars, p_job.on_blackout, p_job.schedule,
                                   v_tick, v_since, true);
        end if;
        v_before := v_tick;
        exit when v_left <= 0 or v_tick is null or v_tick >= p_job.ends_at or v_row >= 200;
        v_run := kronos.when_runs(p_job.workspace_id, p_job.calendars, p_job.on_blackout, p_job.schedule,
                                  p_job.starts_at, p_job.ends_at, v_tick);
        v_latest := greatest(v_latest, coalesce(v_run.run_at, v_tick));
        v_row := case when v_run.run_at is null then v_row + 1 else 0 end;
        if v_run.run_at is not null and (v_resumes is null or v_latest >= v_resumes) then
            return next v_tick;
            v_left := v_left - 1;
        end if;
        v_tick := case when v_run.run_at is null
                       then kronos.after_closed(p_job.schedule, p_job.on_blackout, p_job.starts_at,
                                                p_job.ends_at, v_tick, v_run.until)
                       else kronos.next_tick(p_job.schedule, v_tick) end;
    end loop;
end
$$;
