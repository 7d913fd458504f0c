-- one_shot_at: when an IMMEDIATE or DELAYED job was to run: at its creation, or at the time that it was
-- given.
-- Returns: null for a CRON job.
create or replace function kronos.one_shot_at(p_job kronos.jobs) returns timestamptz
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select case when p_job.trigger <> 'CRON' then coalesce(p_job.run_at, p_job.created_at) end
$$;
