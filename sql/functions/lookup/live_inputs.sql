-- live_inputs: the inputs of the live jobs of the transaction's workspace that go to an endpoint of that
-- name, or to one that names the payload spec; one-shots that wait without a row in jobs too. With
-- p_since_seconds only of jobs that are no older.
-- As the caller: row level security holds.
create or replace function kronos.live_inputs(p_payload_spec text, p_endpoint text,
                                              p_since_seconds double precision)
returns table (job_id uuid, name text, endpoint text, input jsonb, created_at timestamptz)
language sql stable security invoker set search_path = pg_catalog, pg_temp
as $$
    with endpoint as materialized (
        select endpoint.endpoint_id, endpoint.name
          from kronos.endpoints as endpoint
         where endpoint.workspace_id = kronos.current_workspace_id()
           and endpoint.name = p_endpoint and endpoint.deleted_at is null
         union all
        select endpoint.endpoint_id, endpoint.name
          from kronos.documents as spec
          join kronos.endpoints as endpoint on endpoint.payload_spec_id = spec.document_id
           and endpoint.deleted_at is null
         where spec.workspace_id = kronos.current_workspace_id()
           and spec.kind = 'PAYLOAD_SPEC' and spec.name = p_payload_spec and spec.deleted_at is null
    ), since as materialized (
        select case when p_since_seconds is null then '-infinity'
                    else kronos.now() - make_interval(secs => p_since_seconds) end as at
    )
    select job.job_id, job.name, endpoint.name, job.input, job.created_at
      from endpoint
      join kronos.jobs as job on job.endpoint_id = endpoint.endpoint_id
       and job.workspace_id = kronos.current_workspace_id()
       and job.status in ('ACTIVE', 'PAUSED')
     cross join since
     where job.created_at >= since.at
     union all
    select live.job_id, null, endpoint.name, live.input, live.created_at
      from endpoint
      join kronos.execution_live as live on live.endpoint_id = endpoint.endpoint_id
       and live.workspace_id = kronos.current_workspace_id()
       and live.job_id = live.execution_id
     cross join since
     where live.created_at >= since.at
$$;
