-- endpoint_details: an endpoint with its current version, as the API shows it.
create or replace view kronos.endpoint_details with (security_invoker = true) as
    select endpoint.endpoint_id, endpoint.workspace_id, workspace.slug as workspace, endpoint.name,
           endpoint.type, endpoint.version, spec_of.spec,
           jsonb_build_object('jitter', 'partial', 'delays_ms', null, 'max_age_seconds', null,
                              'retryable_status_codes', null, 'permanent_status_codes', '[]'::jsonb,
                              'slow_down_status_codes', '[429, 503]'::jsonb, 'retry_unknown', true,
                              'disable_after_seconds', null, 'disable_after_attempts', 10,
                              'probe_seconds', 300)
           || spec_of.retry_policy as retry_policy, gate.max_in_flight,
           endpoint.created_at, endpoint.updated_at, endpoint.title, payload_spec.name as payload_spec,
           config.name as config,
           case when gate.latest_version is null then 'snapshot' else 'latest' end as use,
           made_of.signing_secrets, endpoint.on_disabled, kronos.shown_health(health, gate) as health,
           jsonb_build_object('max_in_flight', gate.max_in_flight,
                              'rate', case when gate.rate_count is not null
                                           then jsonb_build_object('count', gate.rate_count,
                                                                   'per_seconds', gate.rate_seconds,
                                                                   'burst', gate.rate_burst) end,
                              'concurrency_key', gate.key_template,
                              'max_concurrency_per_key', gate.key_max) as limits,
           case when coalesce(gate.max_in_flight, gate.rate_count, gate.key_max,
                              workspace.max_concurrency) is not null
                then kronos.endpoint_usage(endpoint.endpoint_id) end as usage,
           gate.worker_group as "group"
      from kronos.endpoints as endpoint
      join kronos.endpoint_versions as made_of using (endpoint_id, version)
      join kronos.endpoint_versions as spec_of on spec_of.endpoint_id = made_of.endpoint_id
       and spec_of.version = coalesce(made_of.spec_version, made_of.version)
      join kronos.workspaces as workspace on workspace.workspace_id = endpoint.workspace_id
      left join kronos.endpoint_gate as gate on gate.endpoint_id = endpoint.endpoint_id
      left join kronos.endpoint_health as health on health.endpoint_id = endpoint.endpoint_id
      left join kronos.documents as payload_spec on payload_spec.document_id = endpoint.payload_spec_id
      left join kronos.documents as config on config.document_id = made_of.config_id
     where endpoint.deleted_at is null;
