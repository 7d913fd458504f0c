-- endpoint_details: an endpoint with its present version, as the API shows it.
create or replace view kronos.endpoint_details with (security_invoker = true) as
    select endpoint.endpoint_id, endpoint.workspace_id, workspace.slug as workspace, endpoint.name,
           endpoint.type, endpoint.version, made_of.spec, made_of.retry_policy, gate.max_in_flight,
           endpoint.created_at, endpoint.updated_at, endpoint.title, made_of.signing_secrets
      from kronos.endpoints as endpoint
      join kronos.endpoint_versions as made_of using (endpoint_id, version)
      join kronos.workspaces as workspace on workspace.workspace_id = endpoint.workspace_id
      left join kronos.endpoint_gate as gate on gate.endpoint_id = endpoint.endpoint_id
     where endpoint.deleted_at is null;
