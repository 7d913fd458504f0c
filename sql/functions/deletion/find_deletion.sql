-- find_deletion: the deletion of a workspace as an operation, only for the instance's administrator
-- (kronos.instance_admin). p_workspace is the slug that it had, or its id.
-- Returns: one row, or none.
create or replace function kronos.find_deletion(p_workspace text, p_operation_id uuid)
returns table (operation_id uuid, workspace text, kind text, status text, status_reason jsonb, filter jsonb,
               endpoint_version text, per_second integer, total bigint, done bigint, failed bigint,
               failures jsonb, created_at timestamptz, completed_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select deletion.operation_id, deletion.slug, 'DELETION', deletion.status,
           case when deletion.status = 'RUNNING'
                then jsonb_build_object('code', lower(deletion.phase), 'detail',
                                        case deletion.phase
                                            when 'ENTRIES' then 'removing its pg_cron entries'
                                            when 'EXECUTIONS' then 'ending its unfinished executions'
                                            when 'HISTORY' then 'deleting its history'
                                            when 'JOBS' then 'deleting its jobs'
                                            when 'NOTES' then 'deleting its rows in other tables'
                                            else 'deleting its endpoints and the rest' end)
                     || jsonb_strip_nulls(jsonb_build_object('last_error', deletion.last_error)) end,
           jsonb_build_object('workspace_id', deletion.deleted_id, 'name', deletion.name,
                              'contents', deletion.counted),
           null::text, null::integer, deletion.total, deletion.done, 0::bigint, '{}'::jsonb,
           deletion.created_at, deletion.completed_at
      from kronos.deletions as deletion
     where deletion.operation_id = p_operation_id
       and p_workspace in (deletion.slug, deletion.deleted_id::text)
       and current_setting('kronos.instance_admin', true) = 'on'
$$;
