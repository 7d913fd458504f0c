-- fate_of: tick_fate of a job's tick.
create or replace function kronos.fate_of(p_job kronos.jobs, p_tick timestamptz,
                                          out run_at timestamptz, out reason jsonb, out until timestamptz)
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select fate.*
      from kronos.tick_fate(p_job.workspace_id, p_job.calendars, p_job.on_blackout, p_job.schedule,
                            p_job.starts_at, p_job.ends_at, p_tick) as fate
$$;
