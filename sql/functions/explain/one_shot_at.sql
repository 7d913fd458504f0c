-- one_shot_at: when an IMMEDIATE or DELAYED job was due: at its creation, or at its given time.
-- Returns: null for a CRON job.
create or replace function kronos.one_shot_at(p_job kronos.jobs) returns timestamptz
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select case when p_job.trigger <> 'CRON' then coalesce(p_job.run_at, p_job.created_at) end
$$;
