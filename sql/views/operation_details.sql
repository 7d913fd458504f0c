-- operation_details: an operation as the API shows it.
create or replace view kronos.operation_details with (security_invoker = true) as
    select operation.operation_id, operation.workspace_id, workspace.slug as workspace, operation.kind,
           operation.status, operation.status_reason, operation.asked as filter,
           case when operation.kind = 'REDRIVE' then operation.endpoint_version end as endpoint_version,
           operation.per_second, operation.total, operation.done, operation.failed, operation.failures,
           operation.created_at, operation.completed_at, operation.refused
      from kronos.operations as operation
      join kronos.workspaces as workspace using (workspace_id);
