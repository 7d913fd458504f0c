-- Who may do what. kronos_owner owns; kronos_api serves requests under row level security; kronos_worker claims, ends and reads
-- what a delivery needs; kronos_cron is whom pg_cron runs as, and reads nothing.
-- Functions that run with their owner's rights are for those named below; the rest compute, or act with the caller's own rights.
do $$
declare
    v_function regprocedure;
begin
    for v_function in
        select oid::regprocedure from pg_proc where pronamespace = 'kronos'::regnamespace and prosecdef
    loop
        execute format('revoke all on function %s from public', v_function);
    end loop;
end
$$;
revoke all on all tables in schema kronos from public;
grant usage on schema kronos to kronos_api, kronos_worker, kronos_cron;

grant select on kronos.workspaces, kronos.endpoints, kronos.endpoint_versions, kronos.endpoint_gate, kronos.jobs, kronos.execution_live,
                kronos.execution_done, kronos.attempt, kronos.job_faults, kronos.zones, kronos.backfills, kronos.executions, kronos.attempts, kronos.job_details, kronos.endpoint_details,
                kronos.backfill_details
   to kronos_api;
grant insert, update on kronos.workspaces, kronos.endpoints, kronos.endpoint_gate, kronos.jobs to kronos_api;
grant insert on kronos.endpoint_versions, kronos.execution_done to kronos_api;
grant insert, update on kronos.backfills to kronos_api;
grant insert, update, delete on kronos.execution_live to kronos_api;
grant delete on kronos.execution_done to kronos_api;   -- a retry by hand takes the execution back

grant select, update, delete on kronos.execution_live to kronos_worker;
grant select, insert on kronos.execution_done, kronos.attempt, kronos.attempt_late to kronos_worker;
grant select, update on kronos.endpoint_gate to kronos_worker;
grant select on kronos.endpoints, kronos.endpoint_versions, kronos.workspaces, kronos.heartbeats to kronos_worker;

-- Registering is the only thing of pg_cron's that the API can reach.
grant execute on function kronos.register_pg_cron(uuid), kronos.unregister_pg_cron(uuid), kronos.pg_cron_entry(uuid), kronos.find_workspace(text),
                          kronos.pg_cron_evidence(uuid, timestamptz, timestamptz), kronos.is_job_entry_right(uuid, text, jsonb),
                          kronos.find_api_key(text), kronos.pg_cron_health(), kronos.settle_ticks(uuid), kronos.suspend_workspace(), kronos.resume_workspace(),
                          kronos.trigger_job(text, uuid, jsonb, boolean),
                          kronos.cron_timezone(), kronos.system_status(), kronos.system_drift(integer), kronos.zones_read(), kronos.advance_backfill(uuid, integer)
   to kronos_api;
grant execute on function kronos.upkeep(integer), kronos.ring_if_silent(interval) to kronos_worker;

-- pg_cron's own: fire is what the entries call, alarm_of what register_pg_cron asks.
grant execute on function kronos.fire(uuid), kronos.alarm_of(uuid) to kronos_cron;
grant execute on function kronos.pg_cron_entries(text, text, integer), kronos.pg_cron_digest(text, text, integer),
                          kronos.mend_pg_cron_entries(uuid[], bigint[], text[], text, text, integer), kronos.register_jobs(uuid[], text[]),
                          kronos.unregister_jobs(uuid[]), kronos.pg_cron_entry(uuid), kronos.register_pg_cron(uuid),
                          kronos.unregister_pg_cron(uuid)
   to kronos_owner;
