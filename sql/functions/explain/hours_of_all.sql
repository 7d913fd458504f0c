-- hours_of_all: coming_hours of all workspaces, for the instance's administrator; only counts.
create or replace function kronos.hours_of_all(p_from timestamptz, p_to timestamptz, p_schedules integer)
returns table (begins integer[], hours integer, minutes bigint[], runs bigint[], opens integer[],
               closes integer[], jobs bigint, left_out bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select coming.begins, coming.hours, coming.minutes, coming.runs, coming.opens, coming.closes,
           coming.jobs, coming.left_out
      from kronos.coming_hours(null, p_from, p_to, p_schedules) as coming
     where current_setting('kronos.instance_admin', true) = 'on'
$$;
