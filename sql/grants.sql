-- The privileges of the roles. kronos_owner owns everything; kronos_api serves requests under row level
-- security; kronos_worker claims, ends and reads what a delivery needs; pg_cron runs as kronos_cron, which
-- reads no table. Functions that run with their owner's rights are granted below; the others only compute, or
-- act with the caller's own rights. Grants of an earlier release to our roles, and grants made by hand, are
-- revoked first: the list below is complete. Grants to other roles stay.
do $$
declare
    v_function regprocedure;
    v_relation regclass;
    v_role     regrole;
begin
    for v_function in
        select oid::regprocedure from pg_proc where pronamespace = 'kronos'::regnamespace and prosecdef
    loop
        execute format('revoke all on routine %s from public', v_function);
    end loop;
    for v_function, v_role in
        select distinct proc.oid::regprocedure, granted.grantee::regrole
          from pg_proc as proc
         cross join lateral aclexplode(proc.proacl) as granted
         where proc.pronamespace = 'kronos'::regnamespace and granted.grantee <> proc.proowner
           and granted.grantee in ('kronos_owner'::regrole, 'kronos_api'::regrole, 'kronos_worker'::regrole,
                                   'kronos_cron'::regrole)
    loop
        execute format('revoke all on routine %s from %s', v_function, v_role);
    end loop;
    -- Partitions are created without grants, and there may be very many of them.
    for v_relation in
        select oid::regclass
          from pg_class
         where relnamespace = 'kronos'::regnamespace and relkind in ('r', 'p', 'v') and not relispartition
    loop
        execute format('revoke all on %s from public, kronos_api, kronos_worker, kronos_cron', v_relation);
    end loop;
end
$$;
grant usage on schema kronos to kronos_api, kronos_worker, kronos_cron;

grant select on kronos.workspaces, kronos.endpoints, kronos.endpoint_versions, kronos.endpoint_gate,
                kronos.jobs, kronos.execution_live, kronos.execution_done, kronos.attempt, kronos.job_faults,
                kronos.pointers, kronos.turns, kronos.zones, kronos.backfills, kronos.backfill_redriven,
                kronos.late_days, kronos.history_weeks, kronos.active_executions, kronos.executions,
                kronos.attempts, kronos.job_details, kronos.version_details, kronos.endpoint_details,
                kronos.backfill_details, kronos.documents, kronos.document_versions,
                 kronos.dead_letters, kronos.operations, kronos.operation_details,
                 kronos.job_callbacks, kronos.callbacks, kronos.endpoint_health, kronos.workspace_gate,
                 kronos.organizations, kronos.role_mappings, kronos.managed, kronos.calendars,
                 kronos.calendar_moves,
                 kronos.audit, kronos.audit_pending, kronos.audit_chains,
                 kronos.beat_pointers, kronos.beat_ticks, kronos.beat_pings, kronos.heartbeat_details,
                 kronos.alert_rules, kronos.incidents, kronos.alert_notifications
   to kronos_api;
-- No role may read the digests of tokens.
grant select (heartbeat_id, workspace_id, name, status, note, tags, cron, every, anchor, anchor_local,
              timezone, dst_gap, dst_overlap, period_seconds, description, grace_seconds, max_run_seconds,
              version, token_version, created_at, updated_at, deleted_at) on kronos.beats to kronos_api;
grant insert, update, delete on kronos.alert_rules to kronos_api;
grant usage on sequence kronos.alert_rules_made to kronos_api;
-- acknowledged and snoozed by people
grant update (status, acknowledged_at, acknowledged_by, note, snoozed_until, snoozed_by, repeat_at)
   on kronos.incidents to kronos_api;
grant insert, update on kronos.workspaces, kronos.endpoints, kronos.endpoint_gate, kronos.jobs to kronos_api;
grant insert, update on kronos.documents, kronos.organizations to kronos_api;
grant insert, delete on kronos.role_mappings to kronos_api;
grant insert, update, delete on kronos.managed to kronos_api;
grant insert, update on kronos.calendars to kronos_api;
grant insert on kronos.endpoint_versions, kronos.document_versions, kronos.execution_done to kronos_api;
grant insert, update on kronos.backfills, kronos.operations to kronos_api;
grant insert, update, delete on kronos.execution_live, kronos.pointers to kronos_api;
grant select, insert on kronos.idempotency_keys to kronos_api;
-- The API encrypts secrets, and never reads the encrypted values.
grant select (secret_id, workspace_id, name, version, key_id, signs, public_key, created_at, updated_at),
      insert, update, delete on kronos.secrets to kronos_api;

-- whether there are listeners (is_watched)
grant select on sequence kronos.live_until to kronos_api, kronos_worker;

grant select, update, delete on kronos.execution_live to kronos_worker;
grant select, insert on kronos.execution_done, kronos.attempt, kronos.attempt_late to kronos_worker;
grant select, update on kronos.endpoint_gate to kronos_worker;
-- locked by a claim (open_gates); count_in_workspaces counts in it
grant select, update on kronos.workspace_gate to kronos_worker;
grant select on kronos.endpoints, kronos.endpoint_versions, kronos.workspaces,
                kronos.heartbeats, kronos.document_versions, kronos.cancelled_jobs,
                kronos.secrets, kronos.endpoint_health to kronos_worker;

-- The API can reach nothing of pg_cron but registration.
grant execute on function kronos.register_pg_cron(uuid), kronos.unregister_pg_cron(uuid),
                          kronos.register_entry(uuid), kronos.pg_cron_entry(uuid),
                          kronos.find_workspace(text),
                          kronos.pg_cron_evidence(uuid, timestamptz, timestamptz),
                          kronos.is_job_entry_right(uuid, text, jsonb),
                          kronos.find_api_key(text), kronos.find_key(text),
                          kronos.known_keys(uuid[]), kronos.note_use(uuid[]), kronos.workspace_keys(),
                          kronos.make_key(text, bytea, text, boolean, text, timestamptz, text),
                          kronos.revoke_workspace_key(uuid),
                          kronos.granted_roles(text[]), kronos.find_sign_in(bytea),
                          kronos.open_sign_in(bytea, text, text, text[], interval), kronos.end_sign_in(bytea),
                          kronos.open_key_sign_in(bytea, uuid, interval), kronos.find_key_sign_in(bytea),
                          kronos.sign_in_end(bytea),
                          kronos.rotate_key(uuid, text, bytea, interval, timestamptz, text),
                          kronos.pg_cron_health(), kronos.pg_cron_sessions(), kronos.settle_ticks(uuid),
                          kronos.suspend_workspace(), kronos.resume_workspace(), kronos.turn_further(),
                          kronos.begin_move(uuid), kronos.move_further(text),
                          kronos.cancel_runs(uuid[], jsonb), kronos.cancel_further(uuid),
                          kronos.cancel_execution(uuid), kronos.note_made(uuid[]),
                          kronos.steps_under_way(integer),
                          kronos.trigger_job(text, uuid, jsonb, boolean, smallint, integer),
                          kronos.delete_workspace(),
                          kronos.begin_deletion(text, boolean), kronos.find_deletion(text, uuid),
                          kronos.delete_some(uuid, integer), kronos.usage_of(), kronos.quota_room(),
                          kronos.count_made(bigint, jsonb[]),
                          kronos.delete_endpoint(text), kronos.delete_document(text, text),
                          kronos.retry_execution(uuid, text),
                          kronos.cron_timezone(), kronos.advance_backfill(uuid, integer),
                          kronos.pg_cron_entries_of(uuid[]),
                          kronos.find_jobs(text, text, text, text, text, timestamptz, timestamptz,
                                           timestamptz, uuid, integer),
                          kronos.sorted_jobs(text, text, text, text, text, timestamptz, timestamptz, text,
                                             timestamptz, uuid, integer),
                          kronos.retained_from(uuid), kronos.weeks_noted_from(), kronos.get_retention(),
                          kronos.match_retention(integer[]),
                          kronos.set_workspace_retention(integer, integer),
                          kronos.system_status(), kronos.queue_health(interval), kronos.system_drift(integer),
                          kronos.system_workers(integer), kronos.system_partitions(), kronos.system_alarms(),
                          kronos.system_retention(), kronos.system_history_ends(),
                          kronos.workspaces_health(uuid[]),
                          kronos.signs_of_sessions(), kronos.signs_of_blockers(interval),
                          kronos.signs_of_server(), kronos.signs_of_cron(),
                          kronos.signs_of_tables(bigint, bigint), kronos.signs_of_work(),
                          kronos.signs_of_tasks(integer), kronos.signs_of_alerts(), kronos.signs_of_keys(),
                          kronos.system_counts(integer), kronos.system_ends(interval, integer),
                          kronos.system_queue(integer, integer), kronos.system_alarm_quotas(integer),
                          kronos.system_beats(integer),
                          kronos.zones_read(), kronos.secret_keys(), kronos.is_group_served(text),
                          kronos.enable_endpoint(text), kronos.disable_endpoint(text, jsonb),
                          kronos.take_requests(uuid, boolean, integer), kronos.burn_api_key(text, bytea),
                          kronos.watch_live(uuid, interval), kronos.begin_live(),
                          kronos.read_live(uuid[], pg_snapshot, integer),
                          kronos.note_live(text, text, uuid[], uuid[]), kronos.note_live_audit(uuid[]),
                          kronos.instance_id(), kronos.deletions_among(uuid[]),
                          kronos.overdue_jobs(integer), kronos.last_reaping(),
                          kronos.hours_of_all(timestamptz, timestamptz, integer),
                          kronos.take_ping(bytea, text, smallint, text, bigint, text, boolean, text, text,
                                           text),
                          kronos.hold_door_open(),
                          kronos.put_beat(jsonb, bytea, boolean, boolean, integer[], integer[]),
                          kronos.turn_beat(text, text, text), kronos.rotate_beat(text, bytea),
                          kronos.delete_beat(text, integer[]), kronos.measured_rates()
   to kronos_api;
grant execute on function kronos.upkeep(integer, boolean, boolean),
                          kronos.expire_leases(integer, timestamptz),
                          kronos.ring_if_silent(interval, timestamptz),
                          kronos.run_internal_job_if_due(uuid), kronos.run_facts(uuid[]),
                          kronos.trace_facts(uuid[]),
                          kronos.has_worker_groups(), kronos.with_locked_jobs(uuid[]),
                          kronos.secret_keys(), kronos.note_live(text, text, uuid[], uuid[]),
                          kronos.note_live_audit(uuid[]), kronos.instance_id(),
                          kronos.release_keys(uuid[], text[]),
                          kronos.note_outcomes(uuid[], integer[], text[], jsonb[], bigint[], boolean[],
                                               boolean[])
   to kronos_worker;

-- For pg_cron: the entries call fire and ring, and ring calls ring_some and ring_held; the others are called
-- by the functions that write entries.
grant execute on function kronos.fire(uuid), kronos.ring_some(), kronos.ring_held(uuid),
                          kronos.alarm_of(uuid), kronos.shared_names(uuid[]), kronos.ring_texts(text[]),
                          kronos.needed_alarms(text[]), kronos.folded_texts(),
                          kronos.is_alarm_needed(text) to kronos_cron;
grant execute on procedure kronos.ring(text) to kronos_cron;
grant execute on function kronos.pg_cron_entries(text, text, integer),
                          kronos.pg_cron_digest(text, text, integer),
                          kronos.mend_pg_cron_entries(uuid[], bigint[], text[], text, text, integer),
                          kronos.register_jobs(uuid[], text[]),
                          kronos.unregister_jobs(uuid[]), kronos.pg_cron_entry(uuid),
                          kronos.register_pg_cron(uuid), kronos.register_entry(uuid),
                          kronos.unregister_pg_cron(uuid), kronos.settle_alarms(),
                          kronos.write_alarms(text[], boolean[], boolean[], boolean),
                          kronos.drop_run_details(bigint, integer, integer, boolean),
                          kronos.pg_cron_failure(integer), kronos.rung_lately()
   to kronos_owner;

-- Roles that create jobs by SQL. Their grants are lost with a function whose signature changes, so they are
-- granted again: to roles that still have usage of the schema. A dropped role loses that, so another role
-- that later got its name was granted nothing, and is granted nothing here.
do $$
begin
    perform kronos.grant_enqueue(granted.role_name)
       from kronos.sql_grants as granted
       join pg_roles as role on role.rolname = granted.role_name
      where exists (select
                      from pg_namespace as schema
                     cross join lateral aclexplode(schema.nspacl) as given
                     where schema.nspname = 'kronos' and given.grantee = role.oid);
end
$$;
