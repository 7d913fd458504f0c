-- find_jobs: one page of the jobs in the caller's workspace: the ids of the newest p_limit, by (created_at,
-- job_id), that come after a place in the list and match every non-null filter. It merges jobs with a row in
-- kronos.jobs (find_stored_jobs) and one-shots without one (find_one_shots), which have no tags, names or
-- titles. Runs as the owner, bound to the caller's workspace: for row level security the operators of tags
-- and names are not leakproof, so it would use no index for them.
-- Returns: newest first.
create or replace function kronos.find_jobs(p_endpoint text, p_trigger text, p_status text,
                                            p_tag text, p_q text, p_created_after timestamptz,
                                            p_created_before timestamptz, p_before_created_at timestamptz,
                                            p_before_id uuid, p_limit integer)
returns table (job_id uuid, created_at timestamptz)
language plpgsql stable rows 50 security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set enable_seqscan = off set jit = off
as $$
declare
    v_workspace constant uuid   := kronos.current_workspace_id();
    v_triggers  constant text[] := case when p_trigger is null then array['IMMEDIATE', 'DELAYED']
                                        else array[p_trigger] end;
    v_statuses  constant text[] := case when p_status is null then array['ACTIVE', 'COMPLETED']
                                        else array[p_status] end;
    v_before_at constant timestamptz := coalesce(p_before_created_at, 'infinity');
    v_before_id constant uuid   := coalesce(p_before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    v_q         constant text   := lower(p_q);
    v_endpoints uuid[];
    v_by_id     uuid[];      -- set if the text may be the beginning of an id
begin
    if p_tag is null and p_trigger is distinct from 'CRON' and v_statuses && array['ACTIVE', 'COMPLETED'] then
        v_endpoints := array(select endpoint.endpoint_id
                               from kronos.endpoints as endpoint
                              where endpoint.workspace_id = v_workspace
                                and (p_endpoint is null or endpoint.name = p_endpoint));
        if p_q is not null then
            v_by_id := case when v_q ~ '^[0-9a-f]{4}[0-9a-f-]*$' and length(replace(v_q, '-', '')) <= 32
                            then v_endpoints end;
            v_endpoints := array(select endpoint.endpoint_id
                                   from kronos.endpoints as endpoint
                                  where endpoint.workspace_id = v_workspace
                                    and (p_endpoint is null or endpoint.name = p_endpoint)
                                    and position(v_q in lower(endpoint.name)) > 0);
        end if;
    end if;
    return query
        select either.id, either.at
          from (select stored.job_id as id, stored.created_at as at
                  from kronos.find_stored_jobs(p_endpoint, p_trigger, p_status, p_tag, p_q, p_created_after,
                                               p_created_before, p_before_created_at,
                                               p_before_id, p_limit) as stored
                 union
                select found.job_id, found.created_at
                  from kronos.find_one_shots(v_endpoints, v_triggers, v_statuses, null, p_created_after,
                                             p_created_before, v_before_at, v_before_id,
                                             p_limit) as found
                 where v_endpoints <> '{}'
                 union
                select found.job_id, found.created_at
                  from kronos.find_one_shots(v_by_id, v_triggers, v_statuses, v_q, p_created_after,
                                             p_created_before, v_before_at, v_before_id,
                                             p_limit) as found
                 where v_by_id <> '{}') as either
         order by either.at desc, either.id desc
         limit p_limit;
end
$$;
