-- live_inputs: the inputs of the live jobs of the transaction's workspace to the endpoint with that name, or
-- to endpoints with the payload spec, including waiting one-shots without a row in jobs. With p_horizon
-- (kronos.write_horizon of an earlier read), only rows that the earlier read may not have seen, however long
-- ago their transaction began: an application's own may be hours old. Runs as the caller: row level security
-- applies.
create or replace function kronos.live_inputs(p_payload_spec text, p_endpoint text,
                                              p_horizon bigint)
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
    ), late as materialized (      -- the age of p_horizon: rows to read are at most that old
        select case when p_horizon is null then 2147483647      -- age() of a frozen row
                    else pg_snapshot_xmax(pg_current_snapshot())::text::bigint - p_horizon end as age
    )
    select job.job_id, job.name, endpoint.name, job.input, job.created_at
      from endpoint
      join kronos.jobs as job on job.endpoint_id = endpoint.endpoint_id
       and job.workspace_id = kronos.current_workspace_id()
       and job.status in ('ACTIVE', 'PAUSED')
     cross join late
     where age(job.xmin) <= late.age
     union all
    select live.job_id, null, endpoint.name, live.input, live.created_at
      from endpoint
      join kronos.execution_live as live on live.endpoint_id = endpoint.endpoint_id
       and live.workspace_id = kronos.current_workspace_id()
       and live.job_id = live.execution_id and live.claim_token is null
     cross join late
     where age(live.xmin) <= late.age
     union all
    select live.job_id, null, endpoint.name, live.input, live.created_at
      from endpoint
      join kronos.execution_live as live on live.endpoint_id = endpoint.endpoint_id
       and live.workspace_id = kronos.current_workspace_id()
       and live.job_id = live.execution_id and live.claim_token is not null
     cross join late
     where age(live.xmin) <= late.age
$$;
