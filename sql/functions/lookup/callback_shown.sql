-- callback_shown: a callback of a job as the API shows it: without ids, with the current name of the job that
-- it names, or that job's id if it has no name. Strict, so it is not called for a job without callbacks. Runs
-- as the caller: row level security applies.
create or replace function kronos.callback_shown(p_callback jsonb) returns jsonb
language plpgsql stable strict security invoker set search_path = pg_catalog, pg_temp
as $$
begin
    if p_callback ? 'first_version_id' then
        return p_callback - 'first_version_id'
               || (select jsonb_build_object('job', coalesce(job.name, job.job_id::text))
                     from kronos.newest_version((p_callback ->> 'first_version_id')::uuid) as job);
    end if;
    return p_callback - 'endpoint_id';
end
$$;
