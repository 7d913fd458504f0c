-- tagged_jobs: the jobs of the caller's workspace that have a tag, if they are 2,000 at most.
-- As the owner, bound to the caller's workspace.   Returns: null where there are more.
create or replace function kronos.tagged_jobs(p_tag text) returns uuid[]
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_indexscan = off set jit = off
as $$
declare
    c_few constant integer := 2000;
    v_ids uuid[];
begin
    v_ids := array(select job.job_id
                     from kronos.jobs as job
                    where job.tags @> array[p_tag]
                      and job.tags <> '{}'
                      and job.workspace_id = kronos.current_workspace_id()
                    limit c_few + 1);
    return case when cardinality(v_ids) <= c_few then v_ids end;
end
$$;
