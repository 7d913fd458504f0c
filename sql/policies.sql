-- Who sees which rows. Forced, so that not even the owner is past it. kronos_api sees one workspace: the one in the setting
-- kronos.workspace_id, which lives as long as one transaction; without it, no row. kronos_owner (the definer of the functions that
-- pg_cron runs) and kronos_worker serve all workspaces and say so here, instead of holding bypassrls.
do $$
declare
    v_table text;
begin
    foreach v_table in array array['workspaces', 'api_keys', 'endpoints', 'endpoint_versions', 'endpoint_gate', 'jobs',
                                   'execution_live', 'execution_done', 'attempt', 'attempt_late', 'heartbeats',
                                   'zones', 'job_faults', 'catch_up_wave', 'backfills', 'retention', 'workspace_retention', 'retention_sweeps'] loop
        execute format('alter table kronos.%I enable row level security', v_table);
        execute format('alter table kronos.%I force row level security', v_table);
        execute format('drop policy if exists of_the_engine on kronos.%I', v_table);
        execute format('create policy of_the_engine on kronos.%I to kronos_owner using (true) with check (true)', v_table);
    end loop;
    foreach v_table in array array['endpoints', 'endpoint_versions', 'endpoint_gate', 'jobs', 'execution_live', 'execution_done', 'attempt',
                                   'job_faults', 'backfills'] loop
        execute format('drop policy if exists of_workspace on kronos.%I', v_table);
        execute format('create policy of_workspace on kronos.%I to kronos_api
                            using (workspace_id = (select nullif(current_setting(''kronos.workspace_id'', true), '''')::uuid))', v_table);
    end loop;
    foreach v_table in array array['workspaces', 'endpoints', 'endpoint_versions', 'endpoint_gate', 'jobs',
                                   'execution_live', 'execution_done', 'attempt', 'attempt_late', 'heartbeats'] loop
        execute format('drop policy if exists of_the_fleet on kronos.%I', v_table);
        execute format('create policy of_the_fleet on kronos.%I to kronos_worker using (true) with check (true)', v_table);
    end loop;
end
$$;
-- A workspace sees itself; the instance's administrator, told by the setting kronos.instance_admin, sees them all and makes them.
drop policy if exists of_workspace on kronos.workspaces;
create policy of_workspace on kronos.workspaces to kronos_api
    using (workspace_id = (select nullif(current_setting('kronos.workspace_id', true), '')::uuid)
           or (select current_setting('kronos.instance_admin', true)) = 'on');
-- Time zones are nobody's: alarm reads them where a job is stored.
drop policy if exists of_everybody on kronos.zones;
create policy of_everybody on kronos.zones for select to kronos_api using (true);
