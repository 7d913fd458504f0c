-- one_shots_shown: the executions of the given IMMEDIATE and DELAYED jobs, each job with its creation time,
-- as the API shows them in a job.
-- Returns: no row for a job that has none. Row level security applies.
create or replace function kronos.one_shots_shown(p_job_ids uuid[], p_created_at timestamptz[])
returns table (job_id uuid, execution jsonb)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
as $$
begin
    if cardinality(p_job_ids) > 0 then
        return query
            select shown.job_id,
                   to_jsonb(shown) - 'workspace_id'
                   || jsonb_build_object('scheduled_at', kronos.iso(shown.scheduled_at),
                                         'run_at', kronos.iso(shown.run_at),
                                         'started_at', kronos.iso(shown.started_at),
                                         'completed_at', kronos.iso(shown.completed_at),
                                         'created_at', kronos.iso(shown.created_at))
              from kronos.read_executions(
                  array(select found.execution_id
                          from kronos.one_shot_executions(p_job_ids, p_created_at) as found)
              ) as shown;
    end if;
end
$$;
