-- name: list_load
-- What the jobs of the workspace are going to do in the %(minutes)s minutes from the present one on, an hour
-- of alike minutes in one row; and, in the row without an hour, of how many jobs.
select coming.hour, coming.minutes, coming.runs, coming.jobs, coming.left_out,
       date_trunc('minute', kronos.now(), 'UTC') as from_at
  from kronos.coming_load(kronos.current_workspace_id(), date_trunc('minute', kronos.now(), 'UTC'),
                          date_trunc('minute', kronos.now(), 'UTC')
                          + %(minutes)s::integer * interval '1 minute', %(schedules)s::integer) as coming
 where kronos.current_workspace_id() is not null;

-- name: list_load_of_all
-- As list_load, of all workspaces, for the instance's administrator.
select coming.hour, coming.minutes, coming.runs, coming.jobs, coming.left_out,
       date_trunc('minute', kronos.now(), 'UTC') as from_at
  from kronos.load_of_all(date_trunc('minute', kronos.now(), 'UTC'),
                          date_trunc('minute', kronos.now(), 'UTC')
                          + %(minutes)s::integer * interval '1 minute', %(schedules)s::integer) as coming;
