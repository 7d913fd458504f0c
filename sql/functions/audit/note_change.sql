-- note_change: records each change of configuration as one row of the audit, no matter who makes it or how.
-- The triggers below list what is audited: the object's type, the columns with its id and its name, and the
-- columns that are not shown, because they follow from others, change by themselves or are secret.
-- Rows that change as a consequence of another change are not recorded separately: whatever is deleted with
-- its workspace, endpoint versions that a config creates, jobs that follow their workspace.
create or replace function kronos.note_change() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_new     constant jsonb  := case when tg_op <> 'DELETE' then to_jsonb(new) end;
    v_old              jsonb  := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    v_row     constant jsonb  := coalesce(v_new, v_old);
    v_type             text   := tg_argv[0];
    v_workspace_id constant uuid := (v_row ->> 'workspace_id')::uuid;
    v_name             text   := v_row ->> tg_argv[2];
    v_fields  record;
begin
    if tg_op = 'INSERT' and (v_row ->> 'version')::integer > 1 then
        v_old := kronos.version_before(tg_table_name, v_row);
    end if;
    v_fields := kronos.changed_fields(v_old, v_new, string_to_array(tg_argv[3], ','));
    if (v_fields.before is null and v_fields.after is null)
    or (tg_table_name <> 'workspaces'
        and exists (select from kronos.workspaces
                     where workspace_id = v_workspace_id and status = 'DELETED')) then
        return null;
    end if;
    if v_type = 'document' then
        select lower(document.kind), document.name into v_type, v_name
          from kronos.documents as document
         where document.document_id = (v_row ->> tg_argv[1])::uuid;
    elsif v_type = 'endpoint' and v_name is null then
        select endpoint.name into v_name
          from kronos.endpoints as endpoint
         where endpoint.endpoint_id = (v_row ->> tg_argv[1])::uuid;
    end if;
    perform kronos.write_audit(v_workspace_id,
                               kronos.audit_action(tg_table_name, tg_op, v_row, v_fields.after), v_type,
                               coalesce(v_row ->> tg_argv[1], tg_argv[1]), v_name, v_fields.before,
                               v_fields.after);
    return null;
end
$$;
create or replace trigger audited after insert or update on kronos.workspaces for each row
    execute function kronos.note_change('workspace', 'workspace_id', 'slug',
                                        'workspace_id,version,created_at,suspended_at,was_suspended');
create or replace trigger audited_deletion after delete on kronos.workspaces for each row
    when (old.status <> 'DELETED')      -- otherwise retention deletes it
    execute function kronos.note_change('workspace', 'workspace_id', 'slug',
                                        'workspace_id,version,was_suspended');
create or replace trigger audited after insert or update or delete on kronos.api_keys for each row
    execute function kronos.note_change('api_key', 'public_id', 'name',
                                        'workspace_id,secret_sha256,created_at,last_used_at');
create or replace trigger audited after insert or update or delete on kronos.organizations for each row
    execute function kronos.note_change('organization', 'organization_id', 'slug',
                                        'organization_id,version,created_at');
create or replace trigger audited after insert or update or delete on kronos.role_mappings for each row
    execute function kronos.note_change('role_mapping', 'mapping_id', 'group_name',
                                        'mapping_id,workspace_id,created_at');
create or replace trigger audited after update of per_minute on kronos.request_limit for each row
    execute function kronos.note_change('setting', 'request_limit', '', '');
create or replace trigger audited after update of wanted, is_shared, folded on kronos.alarm_setting
    for each row execute function kronos.note_change('setting', 'alarm_setting', '', 'folded_at,changed_at');
create or replace trigger audited after insert or update or delete on kronos.sql_grants for each row
    execute function kronos.note_change('sql_grant', 'role_name', 'role_name', 'workspace_id,granted_at');
create or replace trigger audited after insert or delete on kronos.secrets for each row
    execute function kronos.note_change('secret', 'secret_id', 'name',
                                        'workspace_id,key_id,nonce,ciphertext,created_at,updated_at');
-- not when only the encryption key changes (kronos secrets rotate): the values stay the same
create or replace trigger audited_update after update on kronos.secrets for each row
    when (old.version <> new.version or old.name <> new.name or (old.key_id is null) <> (new.key_id is null))
    execute function kronos.note_change('secret', 'secret_id', 'name',
                                        'workspace_id,key_id,nonce,ciphertext,created_at,updated_at');
create or replace trigger audited after insert or update on kronos.beats for each row
    execute function kronos.note_change('heartbeat', 'heartbeat_id', 'name',
                                        'heartbeat_id,workspace_id,schedule,description,version,token_sha256,'
                                        'created_at,updated_at');
create or replace trigger audited_deletion after delete on kronos.beats for each row
    when (old.deleted_at is null)
    execute function kronos.note_change('heartbeat', 'heartbeat_id', 'name',
                                        'workspace_id,schedule,token_sha256');
create or replace trigger audited after insert on kronos.documents for each row
    execute function kronos.note_change('document', 'document_id', 'name',
                                        'document_id,workspace_id,kind,version,created_at,updated_at');
create or replace trigger audited_update after update on kronos.documents for each row
    execute function kronos.note_change('document', 'document_id', 'name',
                                        'workspace_id,kind,version,updated_at');
create or replace trigger audited_deletion after delete on kronos.documents for each row
    when (old.deleted_at is null)      -- otherwise retention deletes it
    execute function kronos.note_change('document', 'document_id', 'name', 'workspace_id,kind');
create or replace trigger audited after insert on kronos.document_versions for each row
    execute function kronos.note_change('document', 'document_id', '', 'document_id,workspace_id,created_at');
create or replace trigger audited after insert or update on kronos.endpoints for each row
    execute function kronos.note_change('endpoint', 'endpoint_id', 'name',
                                        'endpoint_id,workspace_id,version,created_at,updated_at');
create or replace trigger audited_deletion after delete on kronos.endpoints for each row
    when (old.deleted_at is null)
    execute function kronos.note_change('endpoint', 'endpoint_id', 'name', 'workspace_id');
create or replace trigger audited after insert on kronos.endpoint_versions for each row
    when (new.spec_version is null)
    execute function kronos.note_change('endpoint', 'endpoint_id', '',
                                        'endpoint_id,workspace_id,created_at,config_id,config_version,'
                                        'spec_version');
create or replace trigger audited after insert on kronos.endpoint_gate for each row
    execute function kronos.note_change('endpoint', 'endpoint_id', '',
                                        'endpoint_id,workspace_id,in_flight,paused_until,latest_version,'
                                        'trial_seconds,rate_tokens,rate_at,key_parts');
-- columns named by statements that change a limit; statements that claim or finish deliveries name none
create or replace trigger audited_update
    after update of max_in_flight, rate_count, rate_seconds, rate_burst, worker_group, key_template, key_max
    on kronos.endpoint_gate for each row
    execute function kronos.note_change('endpoint', 'endpoint_id', '',
                                        'workspace_id,in_flight,paused_until,latest_version,'
                                        'trial_seconds,rate_tokens,rate_at,key_parts');
create or replace trigger audited after insert on kronos.endpoint_health for each row
    when (new.state = 'DISABLED')
    execute function kronos.note_change('endpoint', 'endpoint_id', '',
                                        'endpoint_id,workspace_id,is_watched,last_success_at');
create or replace trigger audited_update after update on kronos.endpoint_health for each row
    when ((old.state = 'DISABLED') <> (new.state = 'DISABLED')
          or (new.state = 'DISABLED' and old.reason is distinct from new.reason))
    execute function kronos.note_change('endpoint', 'endpoint_id', '',
                                        'workspace_id,is_watched,last_success_at,last_failure_at,failures,'
                                        'failing_since');
create or replace trigger audited_version after insert on kronos.jobs for each row
    when (new.trigger = 'CRON' and new.version > 1)      -- the first: note_new_job
    execute function kronos.note_change('job', 'job_id', 'name',
                                        'workspace_id,first_version_id,schedule,alarm,runs,last_run_at,'
                                        'request_sha256,created_at,retired_at,ticks_from,ticks_until,'
                                        'replaced_by_id,status_reason,status,traceparent,search_text');
-- a replaced version is in the new version's row; a one-shot's end is recorded only if it was cancelled
create or replace trigger audited_update after update on kronos.jobs for each row
    when (new.replaced_by_id is null
          and (new.trigger = 'CRON' or (new.status = 'RETIRED' and old.status <> 'RETIRED')))
    execute function kronos.note_change('job', 'job_id', 'name',
                                        'workspace_id,first_version_id,schedule,alarm,runs,last_run_at,'
                                        'request_sha256,retired_at,ticks_from,ticks_until,'
                                        'replaced_by_id,previous_version_id,traceparent,search_text');
create or replace trigger audited_deletion after delete on kronos.jobs for each row
    when (old.status in ('ACTIVE', 'PAUSED') and old.trigger = 'CRON')
    execute function kronos.note_change('job', 'job_id', 'name',
                                        'workspace_id,schedule,alarm,request_sha256,traceparent,search_text');
create or replace trigger audited after insert on kronos.backfills for each row
    execute function kronos.note_change('backfill', 'backfill_id', '',
                                        'workspace_id,first_version_id,next_at,created,left_out,redriven,'
                                        'created_at');
create or replace trigger audited_update after update of status on kronos.backfills for each row
    when (new.status = 'CANCELLED' and new.status_reason ->> 'code' = 'cancelled')
    execute function kronos.note_change('backfill', 'backfill_id', '', 'workspace_id,next_at,completed_at');
create or replace trigger audited after insert on kronos.operations for each row
    execute function kronos.note_change('operation', 'operation_id', '',
                                        'workspace_id,which,done,failed,failures,position_at,position_id,'
                                        'next_at,created_at,caller,refused,held_since');
create or replace trigger audited_update after update of status on kronos.operations for each row
    when (new.status = 'CANCELLED' and new.status_reason ->> 'code' = 'cancelled')
    execute function kronos.note_change('operation', 'operation_id', '',
                                        'workspace_id,done,failed,failures,position_at,position_id,next_at,'
                                        'completed_at,caller,refused,held_since');
create or replace trigger audited after insert or delete on kronos.workspace_retention for each row
    execute function kronos.note_change('retention', 'workspace_id', '',
                                        'workspace_id,forgotten_before,version');
create or replace trigger audited_update after update of success_days, failure_days
    on kronos.workspace_retention for each row
    execute function kronos.note_change('retention', 'workspace_id', '',
                                        'workspace_id,forgotten_before,version');
create or replace trigger audited
    after update of success_days, failure_days, run_details_days, audit_days on kronos.retention for each row
    execute function kronos.note_change('setting', 'retention', '',
                                        'forgotten_before,run_details_until,jobs_until,jobs_until_id,'
                                        'jobs_began_at,ran_at,done_at,weeks_from');
create or replace trigger audited after insert or delete on kronos.alert_rules for each row
    execute function kronos.note_change('alert_rule', 'rule_id', 'name',
                                        'workspace_id,version,created_at,updated_at,enrolled_at,enrolled_id,'
                                        'number');
-- not when only its progress through the jobs changes (enroll_jobs)
create or replace trigger audited_update after update on kronos.alert_rules for each row
    when (old.version <> new.version)
    execute function kronos.note_change('alert_rule', 'rule_id', 'name',
                                        'workspace_id,version,created_at,updated_at,enrolled_at,enrolled_id,'
                                        'number');
-- only what people did: the rule itself opens and resolves incidents
create or replace trigger audited_update
    after update of acknowledged_at, snoozed_until on kronos.incidents for each row
    execute function kronos.note_change('incident', 'incident_id', 'rule',
                                        'workspace_id,repeat_at,say,said_at,times_said');
create or replace trigger audited after update of immediate, stagger_seconds on kronos.catch_up_wave
    for each row
    execute function kronos.note_change('setting', 'catch_up', '', 'began_at,at_once,last_run_at');
