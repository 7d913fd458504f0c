-- jobs_of_calendar: how many live jobs name a calendar and move closed ticks, and so have to follow it.
create or replace function kronos.jobs_of_calendar(p_workspace_id uuid, p_name text) returns integer
language plpgsql stable set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
begin
    return (select count(*)
              from kronos.jobs as job
             where job.workspace_id = p_workspace_id
               and job.calendars @> array[p_name]
               and job.calendars <> '{}' and job.on_blackout <> 'SKIP'
               and job.status in ('ACTIVE', 'PAUSED'));
end
$$;
