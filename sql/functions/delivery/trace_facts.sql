-- trace_facts: what spans of executions that are being delivered are made of, and a claim does not carry:
-- when each came into the queue and was claimed, and which span has made it. That of a one-shot, or of a run
-- by hand, is a request's, of which the run is a part (is_part); that of a tick has made its job, long ago.
create or replace function kronos.trace_facts(p_execution_ids uuid[])
returns table (execution_id uuid, cause text, created_at timestamptz, claimed_at timestamptz,
               traceparent text, is_part boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select live.execution_id, live.cause, kronos.finite(live.created_at), kronos.finite(live.claimed_at),
           coalesce(own.traceparent, job.traceparent), own.traceparent is not null
      from unnest(p_execution_ids) as wanted (execution_id)
      join kronos.execution_live as live on kronos.looked_up(live.execution_id, wanted.execution_id)
     cross join lateral (select coalesce(live.traceparent, live.created_by ->> 'traceparent')
                             as traceparent) as own
      left join kronos.jobs as job on job.job_id = live.job_id
$$;
