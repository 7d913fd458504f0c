-- find_deletion: the deletion of a workspace as an operation, for the instance's administrator alone
-- (kronos.instance_admin): p_workspace is the slug that it had, or its id.
-- Returns: a row, or none.
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
                                            when 'ENTRIES' then 'its entries in pg_cron go'
                                            when 'EXECUTIONS' then 'its unfinished executions end and go'
                                            when 'HISTORY' then 'its history goes'
                                            when 'JOBS' then 'its jobs go'
                                            when 'NOTES' then 'its notes in other tables go'
                                            else 'its endpoints and the rest go' end)
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
