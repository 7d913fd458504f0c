-- Which roles see which rows. Forced, so that they also apply to the owner. kronos_api sees one workspace:
-- the one in the setting kronos.workspace_id, which lasts as long as one transaction; without it, no row.
-- kronos_owner (the definer of the functions that pg_cron runs) and kronos_worker serve all workspaces; their
-- policies state this here, instead of bypassrls.
-- The policies that confine kronos_api are restrictive. The permissive policies of all roles that a user
-- inherits add up, so a login that is a member of kronos_api and of kronos_worker, and has become neither,
-- would see what a worker sees; a restrictive policy applies to it all the same.
-- Only policies that differ are created again, because a new policy locks its table against all sessions. The
-- comment of a policy is the digest of its source and of PostgreSQL's form of it, so a policy that was
-- changed by hand is corrected. Names of_… are ours; others' policies stay.
do $$
declare
    v_wanted  record;
    v_is_told boolean;
    v_digest  text;
    v_names   text[] := '{}';
begin
    for v_wanted in
        select 'of_the_engine' as name, relation, 'to kronos_owner using (true) with check (true)' as rule
          from unnest(array['workspaces', 'organizations', 'role_mappings', 'managed', 'calendars',
                            'calendar_moves', 'sign_ins', 'api_keys',
                            'endpoints', 'endpoint_versions',
                            'endpoint_gate',
                            'jobs', 'execution_live', 'execution_done', 'attempt', 'attempt_late',
                            'heartbeats', 'zones', 'job_faults', 'pointers', 'pointers_floor', 'turns',
                            'cancelled_jobs', 'catch_up_wave', 'backfills', 'backfill_redriven',
                            'late_days', 'history_weeks',
                            'job_tags', 'retention', 'workspace_retention', 'dead_letters', 'operations',
                            'retention_sweeps', 'idempotency_keys', 'made_objects', 'documents',
                             'document_versions', 'sql_grants', 'secrets',
                             'job_callbacks', 'callbacks', 'endpoint_health', 'workspace_gate',
                            'request_limit', 'request_rates', 'alarm_setting',
                             'audit', 'audit_pending', 'audit_chains',
                             'deletions', 'quota_shards',
                             'beats', 'beat_pointers', 'beat_ticks', 'beat_pings', 'ping_door', 'ping_gaps',
                             'live_changes', 'live_watches', 'live_marks', 'live_origin',
                             'alert_rules', 'alert_ends', 'alert_states', 'alert_counts', 'incidents',
                             'alert_notifications']) as relation
         union all
        -- Both for a table, or neither: one admits kronos_api, the other confines it.
        select confined.name, relation, confined.rule
          from unnest(array['endpoints', 'endpoint_versions', 'endpoint_gate', 'jobs', 'execution_live',
                            'execution_done', 'attempt', 'job_faults', 'pointers', 'backfills',
                            'backfill_redriven', 'late_days', 'history_weeks',
                            'idempotency_keys', 'documents', 'document_versions', 'dead_letters',
                             'operations', 'secrets', 'role_mappings', 'managed', 'calendars',
                             'calendar_moves', 'job_callbacks', 'callbacks', 'endpoint_health',
                             'beats', 'beat_pointers', 'beat_ticks', 'beat_pings',
                             'alert_rules', 'incidents', 'alert_notifications']) as relation
         cross join (values ('of_the_api', 'to kronos_api using (true)'),
                            ('of_workspace',
                             'as restrictive to kronos_api
                                              using (workspace_id = (select nullif(current_setting('
                                 '''kronos.workspace_id'', true), '''')::uuid))')
                    ) as confined (name, rule)
         union all
        -- A workspace sees itself; the instance's administrator, according to the setting
        -- kronos.instance_admin, sees and creates all.
        select 'of_the_api', relation, 'to kronos_api using (true)'
          from unnest(array['workspaces', 'turns', 'workspace_gate', 'audit', 'audit_pending',
                            'audit_chains']) as relation
         union all
        select 'of_workspace', relation,
               'as restrictive to kronos_api using (workspace_id = (select nullif(current_setting('
                   '''kronos.workspace_id'', true), '''')::uuid)
                                                    or (select current_setting('
                   '''kronos.instance_admin'', true)) = ''on'')'
          from unnest(array['workspaces', 'turns', 'workspace_gate', 'audit', 'audit_pending',
                            'audit_chains']) as relation
         union all
        -- The instance's administrator creates organizations; a workspace sees its own.
        select 'of_the_api', 'organizations', 'to kronos_api using (true)'
         union all
        select 'of_workspace', 'organizations',
               'as restrictive to kronos_api using (
                    (select current_setting(''kronos.instance_admin'', true)) = ''on''
                    or organization_id = (select workspace.organization_id
                                            from kronos.workspaces as workspace
                                           where workspace.workspace_id
                                                 = nullif(current_setting(''kronos.workspace_id'', true),
                                                          '''')::uuid))
                with check ((select current_setting(''kronos.instance_admin'', true)) = ''on'')'
         union all
        select 'of_the_fleet', relation, 'to kronos_worker using (true) with check (true)'
          from unnest(array['workspaces', 'endpoints', 'endpoint_versions', 'jobs',
                            'execution_live', 'execution_done', 'attempt', 'attempt_late',
                            'heartbeats', 'document_versions', 'cancelled_jobs', 'secrets',
                            'endpoint_health', 'workspace_gate']) as relation
         union all
        -- A worker sees the gates of the endpoints that it serves: those of the groups in
        -- kronos.worker_groups. If it names no groups, as a worker of the previous release, it sees the gates
        -- without a group. So it never claims for another group.
        select 'of_the_fleet', 'endpoint_gate',
               'to kronos_worker using (coalesce(worker_group, ''default'') = any ((select string_to_array('
                   'coalesce(nullif(current_setting(''kronos.worker_groups'', true), ''''), ''default''), '
                   ''',''))::text[])) with check (true)'
         union all
        -- Tables of the workers only: no row is for a member of kronos_api.
        select 'of_the_fleet_alone', relation, 'as restrictive to kronos_api using (false)'
          from unnest(array['attempt_late', 'heartbeats', 'cancelled_jobs']) as relation
         union all
        -- Time zones belong to no workspace: alarm reads them when a job is stored.
        select 'of_everybody', 'zones', 'for select to kronos_api using (true)'
    loop
        v_names := v_names || (v_wanted.relation || '.' || v_wanted.name);
        if not (select relrowsecurity and relforcerowsecurity
                  from pg_class
                 where oid = format('kronos.%I', v_wanted.relation)::regclass) then
            execute format('alter table kronos.%I enable row level security', v_wanted.relation);
            execute format('alter table kronos.%I force row level security', v_wanted.relation);
        end if;
        select obj_description(policy.oid, 'pg_policy') = md5(v_wanted.rule) || ' ' || made_of.digest
          into v_is_told
          from pg_policy as policy
         cross join lateral (select md5(concat_ws(' ', policy.polcmd, policy.polpermissive,
                                                  policy.polroles::regrole[],
                                                  pg_get_expr(policy.polqual, policy.polrelid),
                                                  pg_get_expr(policy.polwithcheck,
                                                              policy.polrelid))) as digest) as made_of
         where policy.polrelid = format('kronos.%I', v_wanted.relation)::regclass
           and policy.polname = v_wanted.name;
        continue when v_is_told;
        execute format('drop policy if exists %I on kronos.%I', v_wanted.name, v_wanted.relation);
        execute format('create policy %I on kronos.%I %s', v_wanted.name, v_wanted.relation, v_wanted.rule);
        select md5(concat_ws(' ', policy.polcmd, policy.polpermissive, policy.polroles::regrole[],
                             pg_get_expr(policy.polqual, policy.polrelid),
                             pg_get_expr(policy.polwithcheck, policy.polrelid)))
          into v_digest
          from pg_policy as policy
         where policy.polrelid = format('kronos.%I', v_wanted.relation)::regclass
           and policy.polname = v_wanted.name;
        execute format('comment on policy %I on kronos.%I is %L',
                       v_wanted.name, v_wanted.relation, md5(v_wanted.rule) || ' ' || v_digest);
    end loop;
    for v_wanted in
        select policy.polname as name, class.relname as relation
          from pg_policy as policy
          join pg_class as class on class.oid = policy.polrelid
           and class.relnamespace = 'kronos'::regnamespace
         where starts_with(policy.polname, 'of_') and class.relname || '.' || policy.polname <> all (v_names)
    loop
        execute format('drop policy %I on kronos.%I', v_wanted.name, v_wanted.relation);
    end loop;
end
$$;
