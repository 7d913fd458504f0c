-- find_executions: one page of the executions of a workspace, or of the given versions of a job: the ids of
-- the newest p_limit, by (created_at, execution_id), that come after a place in the list. Unfinished ones
-- come from live_page; finished ones, merged with those, from walk_history. Runs as the caller: row level
-- security applies.
create or replace function kronos.find_executions(
    p_job_ids uuid[], p_status text, p_scheduled_after timestamptz, p_scheduled_before timestamptz,
    p_before_created_at timestamptz, p_before_id uuid, p_limit integer
)
returns table (execution_id uuid, created_at timestamptz)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off
as $$
declare
    c_unfinished constant text[]      := array['PENDING', 'QUEUED', 'RUNNING', 'RETRYING'];
    c_first      constant timestamptz := '1970-01-01 00:00:00+00'::timestamptz;      -- ids begin here
    v_workspace  constant uuid        := kronos.current_workspace_id();
    v_before_at  constant timestamptz := coalesce(p_before_created_at, 'infinity');
    v_before_id  constant uuid        := coalesce(p_before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    v_ids        uuid[]               := '{}'::uuid[];      -- the page so far, newest first
    v_made       timestamptz[]        := '{}'::timestamptz[];
    v_made_at    timestamptz;                               -- of the workspace
    v_versions   record;
begin
    select case when workspace.created_at between c_first and kronos.now() then workspace.created_at
                else c_first end
      into v_made_at
      from kronos.workspaces as workspace
     where workspace.workspace_id = v_workspace;
    select versions.* into v_versions
      from kronos.version_times(p_job_ids) as versions
     where p_job_ids is not null;
    if v_made_at is null or (p_job_ids is not null and v_versions.ids is null) then
        return;
    end if;
    if p_status is null or p_status = any (c_unfinished) then
        select coalesce(array_agg(live.execution_id), '{}'),
               coalesce(array_agg(live.created_at), '{}') into v_ids, v_made
          from kronos.live_page(v_workspace, v_versions.ids, p_status, p_scheduled_after, p_scheduled_before,
                                v_before_at, v_before_id, p_limit) as live;
    end if;
    if p_status is null or p_status <> all (c_unfinished) then
        select page.ids, page.made into v_ids, v_made
          from kronos.walk_history(v_made_at, v_versions.ids, v_versions.made_from, v_versions.made_until,
                                   v_versions.oldest, v_versions.newest, v_versions.is_one_shot, p_status,
                                   p_scheduled_after, p_scheduled_before, v_before_at, v_before_id, p_limit,
                                   v_ids, v_made) as page;
    end if;
    return query
        select page.id, page.at from unnest(v_ids, v_made) as page (id, at);
end
$$;
