-- dead_letter_filter: a caller's filter of dead letters, for find_dead_letters: names become ids. A job's
-- name means all its versions, its id only that version. absent: the named endpoint or job does not exist, so
-- nothing matches. Runs as the caller: row level security confines it to the caller's workspace.
create or replace function kronos.dead_letter_filter(p_endpoint text, p_job text, p_error_type text, p_q text,
                                                     p_after timestamptz, p_before timestamptz)
returns jsonb
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_endpoint_id      uuid := (select endpoint.endpoint_id
                                  from kronos.endpoints as endpoint
                                 where endpoint.workspace_id = kronos.current_workspace_id()
                                   and endpoint.name = p_endpoint
                                   and endpoint.deleted_at is null);
    v_job_id           uuid := kronos.find_job(p_job);
    v_first_version_id uuid := (select job.first_version_id
                                  from kronos.jobs as job
                                 where job.job_id = v_job_id
                                   and job.workspace_id = kronos.current_workspace_id());
begin
    return jsonb_strip_nulls(jsonb_build_object(
        'absent', case when p_endpoint is not null and v_endpoint_id is null then 'endpoint'
                       when p_job is not null and v_job_id is null then 'job' end,
        'endpoint_id', v_endpoint_id,
        -- a one-shot without a row is its own version
        'first_version_id', coalesce(v_first_version_id, v_job_id),
        'job_id', case when v_job_id::text = p_job then v_job_id end,
        'error_type', p_error_type, 'q', p_q, 'after', p_after, 'before', p_before));
end
$$;
