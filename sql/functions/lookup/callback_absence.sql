-- callback_absence: that what a sound callback names is not there: the workspace's endpoint, or its live CRON
-- job.
-- Returns: all null where it is there.
create or replace function kronos.callback_absence(p_workspace_id uuid, p_event text, p_given jsonb,
                                                   out field text, out fault text, out hint text)
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select p_event || '.endpoint',
           format('no endpoint %L in this workspace', left(p_given ->> 'endpoint', 64)),
           'create it first, or name one that is there'
     where p_given ? 'endpoint'
       and not exists (select
                         from kronos.endpoints
                        where workspace_id = p_workspace_id
                          and name = p_given ->> 'endpoint'
                          and type <> 'INTERNAL'
                          and deleted_at is null)
     union all
    select p_event || '.job', format('no live CRON job %L in this workspace', left(p_given ->> 'job', 127)),
           'create it first, or name one that is ACTIVE or PAUSED; what runs only in a chain has its '
           'starts_at far ahead'
     where p_given ? 'job'
       and not exists (select
                         from kronos.jobs
                        where workspace_id = p_workspace_id
                          and trigger = 'CRON'
                          and status in ('ACTIVE', 'PAUSED')
                          and name = p_given ->> 'job')
$$;
