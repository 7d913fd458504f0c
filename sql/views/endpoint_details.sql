-- endpoint_details: an endpoint with its present version, as the API shows it.
create or replace view kronos.endpoint_details with (security_invoker = true) as
    select endpoint.endpoint_id, endpoint.workspace_id, workspace.slug as workspace, endpoint.name,
           endpoint.type, endpoint.version, spec_of.spec, spec_of.retry_policy, gate.max_in_flight,
           endpoint.created_at, endpoint.updated_at, endpoint.title, payload_spec.name as payload_spec,
           config.name as config,
           case when gate.latest_version is null then 'snapshot' else 'latest' end as use,
           made_of.signing_secrets, gate.worker_group as "group"
      from kronos.endpoints as endpoint
      join kronos.endpoint_versions as made_of using (endpoint_id, version)
      join kronos.endpoint_versions as spec_of on spec_of.endpoint_id = made_of.endpoint_id
       and spec_of.version = coalesce(made_of.spec_version, made_of.version)
      join kronos.workspaces as workspace on workspace.workspace_id = endpoint.workspace_id
      left join kronos.endpoint_gate as gate on gate.endpoint_id = endpoint.endpoint_id
      left join kronos.documents as payload_spec on payload_spec.document_id = endpoint.payload_spec_id
      left join kronos.documents as config on config.document_id = made_of.config_id
     where endpoint.deleted_at is null;
