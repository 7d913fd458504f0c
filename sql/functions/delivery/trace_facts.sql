-- trace_facts: facts for the spans of executions being delivered that a claim does not carry: when each was
-- queued and claimed, and which span created it. For a one-shot or a run by hand that is a request's span, of
-- which the run is a part (is_part); for a tick it is the span that created its job, long ago.
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
