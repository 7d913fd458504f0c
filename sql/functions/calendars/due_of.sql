-- due_of: when a job's tick must be accounted for: when it runs, or at its own time if it is skipped. A
-- pointer's next_tick_at is this instant. Without calendars, or if closed ticks are skipped, it is the tick
-- itself.
-- Returns: null if there is no tick.
create or replace function kronos.due_of(p_job kronos.jobs, p_tick timestamptz) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if p_job.calendars = '{}' or p_job.on_blackout = 'SKIP' or p_tick is null or not isfinite(p_tick) then
        return p_tick;
    end if;
    return coalesce((select fate.run_at
                       from kronos.when_runs(p_job.workspace_id, p_job.calendars, p_job.on_blackout,
                                             p_job.schedule, p_job.starts_at, p_job.ends_at, p_tick) as fate),
                    p_tick);
end
$$;
