-- steps_under_way: what was decided at once and is followed in steps (kronos.turns, kronos.cancelled_jobs),
-- for the instance's administrator: the oldest p_limit. remaining: of a SUSPENSION or RESUMPTION about how
-- many jobs have still to follow their workspace; of a CANCELLATION how many executions of that version of
-- the job have still to end, counted up to 10,000.
-- Returns: no row, nearly always.
create or replace function kronos.steps_under_way(p_limit integer)
returns table (kind text, workspace text, job_id uuid, remaining bigint, since timestamptz, last_error jsonb)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return query
        select step.kind, workspace.slug, step.job_id,
               case when step.kind = 'CANCELLATION'
                    then (select count(*)
                            from (select from kronos.execution_live as live
                                   where live.job_id = step.job_id
                                     and (live.claim_token is null or live.cancel_reason is null)
                                   limit 10000) as open)
                    else kronos.jobs_left(step.workspace_id) end,
               step.since, step.last_error
          from (select case when cardinality(turn.instants) % 2 = 1 then 'SUSPENSION'
                            else 'RESUMPTION' end as kind,
                       turn.workspace_id, null::uuid as job_id, turn.turned_at as since, turn.last_error
                  from kronos.turns as turn
                 union all
                select 'CANCELLATION', job.workspace_id, job.job_id, job.cancelled_at, job.last_error
                  from kronos.cancelled_jobs as job
                 order by since
                 limit p_limit) as step
          join kronos.workspaces as workspace using (workspace_id)
         order by step.since;
end
$$;
