-- load_of_all: coming_load of all workspaces, for the instance's administrator: counts alone.
create or replace function kronos.load_of_all(p_from timestamptz, p_to timestamptz, p_schedules integer)
returns table (hour timestamptz, minutes bigint, runs bigint, jobs bigint, left_out bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select coming.hour, coming.minutes, coming.runs, coming.jobs, coming.left_out
      from kronos.coming_load(null, p_from, p_to, p_schedules) as coming
     where current_setting('kronos.instance_admin', true) = 'on'
$$;
