-- callback_absence: the fault if a valid callback names an endpoint or a live CRON job that does not exist in
-- the workspace.
-- Returns: all null if it exists.
create or replace function kronos.callback_absence(p_workspace_id uuid, p_event text, p_given jsonb,
                                                   out field text, out fault text, out hint text)
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select p_event || '.endpoint',
           format('no endpoint %L in this workspace', left(p_given ->> 'endpoint', 64)),
           'Create it first, or name an existing one.'
     where p_given ? 'endpoint'
       and not exists (select
                         from kronos.endpoints
                        where workspace_id = p_workspace_id
                          and name = p_given ->> 'endpoint'
                          and type <> 'INTERNAL'
                          and deleted_at is null)
     union all
    select p_event || '.job', format('no live CRON job %L in this workspace', left(p_given ->> 'job', 127)),
           'Create it first, or name one that is ACTIVE or PAUSED; a job that runs only in a chain has '
           'a starts_at in the far future.'
     where p_given ? 'job'
       and not exists (select
                         from kronos.jobs
                        where workspace_id = p_workspace_id
                          and trigger = 'CRON'
                          and status in ('ACTIVE', 'PAUSED')
                          and name = p_given ->> 'job')
$$;
