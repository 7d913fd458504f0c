-- search_edge: how far back a step of an operation searches for a text, which few jobs may contain, or none:
-- it reads p_most jobs per trigger and status after the operation's position.
-- Returns: null if it may read to the end of the list: no text is searched for, no more jobs are left, or all
-- of them were created at one instant.
create or replace function kronos.search_edge(p_which jsonb, p_before_created_at timestamptz,
                                              p_before_id uuid, p_most integer) returns timestamptz
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    v_before_at constant timestamptz := coalesce(p_before_created_at,
                                                 (p_which ->> 'created_before')::timestamptz, 'infinity');
    v_before_id constant uuid := coalesce(p_before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    v_edge      timestamptz;
begin
    if p_which ->> 'q' is null then
        return null;
    end if;
    select max(edge.created_at) into v_edge
      from jsonb_array_elements_text(p_which -> 'statuses') as wanted (status)
     cross join unnest(array['IMMEDIATE', 'DELAYED', 'CRON']) as either (trigger)
     cross join lateral (select job.created_at
                           from kronos.jobs as job
                          where job.workspace_id = kronos.current_workspace_id()
                            and job.trigger = either.trigger and job.status = wanted.status
                            and (job.created_at, job.job_id) < (v_before_at, v_before_id)
                          order by job.created_at desc, job.job_id desc
                         offset p_most limit 1) as edge
     where either.trigger = coalesce(p_which ->> 'trigger', either.trigger);
    return case when v_edge < v_before_at
                 and coalesce(v_edge > (p_which ->> 'created_after')::timestamptz, true) then v_edge end;
end
$$;
