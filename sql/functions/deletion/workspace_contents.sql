-- workspace_contents: the contents of a workspace, counted up to p_at_most per kind. Internal records
-- (idempotency keys, notes, counters) are not included.
-- Returns: an object with one member per kind, always all of them.
create or replace function kronos.workspace_contents(p_workspace_id uuid, p_at_most integer default 100000)
returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
begin
    return jsonb_build_object(
        'live_jobs', (select count(*) from (select from kronos.jobs as job
                                             where job.workspace_id = p_workspace_id
                                               and job.trigger in ('CRON', 'DELAYED', 'IMMEDIATE')
                                               and job.status in ('ACTIVE', 'PAUSED')
                                             limit p_at_most) as found),
        'jobs', (select count(*) from (select from kronos.jobs as job
                                        where job.workspace_id = p_workspace_id
                                        limit p_at_most) as found),
        'unfinished_executions', (
            select count(*) from (select from kronos.endpoints as endpoint
                                    join kronos.execution_live as live
                                      on live.endpoint_id = endpoint.endpoint_id and live.claim_token is null
                                   where endpoint.workspace_id = p_workspace_id
                                   union all
                                  select from kronos.execution_live as live
                                   where live.claim_token is not null and live.workspace_id = p_workspace_id
                                   limit p_at_most) as found),
        'finished_executions', (select count(*) from (select from kronos.execution_done as done
                                                       where done.workspace_id = p_workspace_id
                                                       limit p_at_most) as found),
        'dead_letters', (select count(*) from (select from kronos.dead_letters as letter
                                                where letter.workspace_id = p_workspace_id
                                                limit p_at_most) as found),
        'backfills', (select count(*) from (select from kronos.backfills as backfill
                                             where backfill.workspace_id = p_workspace_id
                                             limit p_at_most) as found))
        || kronos.workspace_settings(p_workspace_id, p_at_most);
end
$$;
