-- ensure_internal_jobs: create the workspace kronos-system and its jobs. They have rows, entries and
-- executions like any other job, but their endpoints are functions of this schema, which fire runs inside
-- PostgreSQL. Idempotent.
-- Call it in a separate transaction: pg_cron may never notice an entry that is scheduled together with many
-- new tables.
-- Returns: how many jobs were created.
create or replace function kronos.ensure_internal_jobs() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_workspace_id uuid;
    v_endpoint_id  uuid;
    v_job_id       uuid;
    v_name         text;
    v_cron         text;
    v_schedule     kronos.schedule;
    v_made         integer := 0;
begin
    insert into kronos.workspaces (slug, name) values ('kronos-system', 'Kronos, internal jobs')
        on conflict (slug) where status <> 'DELETED' do update set name = excluded.name
    returning workspace_id into v_workspace_id;
    for v_name, v_cron in
        values ('reaper', '* * * * *'), ('lease-keeper', '* * * * *'), ('catch-up', '* * * * *'),
               ('alerts', '* * * * *'),
               ('retention', '17 * * * *')      -- a minute at which few other jobs are due
    loop
        v_schedule := kronos.read_schedule(v_cron, null, null, 'UTC', 'SHIFT', 'FIRST');
        insert into kronos.endpoints (workspace_id, name, type) values (v_workspace_id, v_name, 'INTERNAL')
            on conflict (workspace_id, name) where deleted_at is null
            do update set updated_at = kronos.endpoints.updated_at
        returning endpoint_id into v_endpoint_id;
        insert into kronos.endpoint_versions (endpoint_id, version, workspace_id, spec, retry_policy,
                                              timeout_ms, max_attempts, max_crashes)
        values (v_endpoint_id, 1, v_workspace_id, '{}', '{}', 10000, 1, 0)
            on conflict (endpoint_id, version) do nothing;
        if not exists (select from kronos.jobs
                        where workspace_id = v_workspace_id and name = v_name and status = 'ACTIVE') then
            v_job_id := gen_random_uuid();
            insert into kronos.jobs (job_id, first_version_id, workspace_id, name, endpoint_id, trigger, cron,
                                     timezone, schedule, alarm, description, catch_up_policy)
            values (v_job_id, v_job_id, v_workspace_id, v_name, v_endpoint_id, 'CRON', v_cron, 'UTC',
                    v_schedule,
                    kronos.alarm(v_cron, v_schedule), kronos.describe_schedule(v_schedule), 'SKIP');
            insert into kronos.pointers (job_id, workspace_id, next_tick_at, is_internal)
            values (v_job_id, v_workspace_id, kronos.next_tick(v_schedule, kronos.now()), true);
            perform kronos.register_pg_cron(v_job_id);
            v_made := v_made + 1;
        end if;
        insert into kronos.heartbeats (job_id, rang_at)
        select job.job_id, '-infinity'
          from kronos.jobs as job
         where job.workspace_id = v_workspace_id and job.name = v_name and job.status = 'ACTIVE'
            on conflict (job_id) do nothing;
    end loop;
    return v_made;
end
$$;
