-- make_one_shots: creates IMMEDIATE and DELAYED jobs of the transaction's workspace, one per endpoint name.
-- Each job is its execution and nothing else: one row. The nth job has the nth endpoint, input, time and
-- priority; a null time means now, and null priorities mean 0. Ids begin with the time of creation. If
-- p_is_whole, all are created or none; otherwise only the jobs of a missing endpoint are not created.
--
-- The endpoints are locked, ids ascending, as a foreign key locks them. So none of them is being deleted
-- (delete_endpoint), and their present versions are read after that (wanted_one_shots). An endpoint with a
-- payload spec is treated as missing unless the inputs were validated (takes_jobs). The jobs are counted if
-- the workspace has quotas.
-- Runs as the caller: row level security applies.
-- Returns: one row per job; job_id is null if it was not created.
-- Raises: KR040, KR041 if a quota is used up; 22023 if a list is shorter than another, an input is not an
-- object or a time is not finite; if p_is_whole, KR016 for an input that was not validated, KR012 for an
-- endpoint that does not exist.
create or replace function kronos.make_one_shots(p_endpoints text[], p_inputs jsonb[], p_run_at timestamptz[],
                                                 p_is_whole boolean, p_priorities smallint[] default null)
returns table (nth bigint, job_id uuid, endpoint_id uuid, endpoint text, endpoint_type text,
               max_attempts smallint, input jsonb, created_at timestamptz, run_at timestamptz,
               priority integer)
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    v_workspace_id constant uuid := kronos.current_workspace_id();
    v_endpoints    uuid[];
    v_is_broken    boolean;
    v_caller       constant jsonb := kronos.said_caller();
    v_each         constant jsonb := v_caller -> 'each';      -- by the job's place
    v_created_by   constant jsonb := kronos.creator_of(case when v_each is null then v_caller else '{}' end);
    v_id_begins    constant text := left(kronos.uuid7_floor(kronos.now())::text, 13) || '-7';
begin
    if (cardinality(p_inputs), cardinality(p_run_at)) is distinct from (cardinality(p_endpoints),
                                                                        cardinality(p_endpoints))
    or cardinality(p_priorities) <> cardinality(p_endpoints) then
        raise exception 'inputs, times and priorities must have as many elements as endpoints' using
            errcode = 'invalid_parameter_value';
    end if;
    select array(select named.endpoint_id
                   from kronos.endpoints as named
                  where named.workspace_id = v_workspace_id
                    and named.name = any (p_endpoints)
                    and kronos.takes_jobs(named)
                  order by named.endpoint_id
                    for key share),
           exists (select
                     from unnest(p_inputs, p_run_at) as item (input, run_at)
                    where jsonb_typeof(item.input) is distinct from 'object' or not isfinite(item.run_at))
      into v_endpoints, v_is_broken;
    if v_is_broken then
        raise exception 'each input must be an object, and each time a finite instant or null' using
            errcode = 'invalid_parameter_value';
    end if;
    if p_is_whole then
        perform kronos.refuse_missing(p_endpoints, v_endpoints);
    end if;
    if current_setting('kronos.quotas', true) = 'on' then
        perform kronos.count_wanted(p_endpoints, v_endpoints, p_inputs);
    end if;
    return query
        with wanted as materialized (
            select each.*,
                   (v_id_begins || substring(gen_random_uuid()::text from 16))::uuid as execution_id
              from kronos.wanted_one_shots(p_endpoints, p_inputs, p_run_at, p_priorities, v_endpoints) as each
        ), queued as (
            insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id,
                                               endpoint_version, cause, scheduled_at, run_at, created_at,
                                               visible_at, max_attempts, max_crashes, timeout_ms, input,
                                               priority, created_by)
            select wanted.execution_id, v_workspace_id, wanted.execution_id, wanted.endpoint_id,
                   wanted.version, 'API', wanted.run_at, wanted.run_at, wanted.created_at, wanted.visible_at,
                   wanted.max_attempts, wanted.max_crashes, wanted.timeout_ms, wanted.input, wanted.priority,
                   case when v_each is null then v_created_by
                        else coalesce(v_each -> wanted.nth::text, kronos.creator_of(null)) || v_created_by end
              from wanted
             where wanted.endpoint_id is not null
        )
        select wanted.nth, case when wanted.endpoint_id is not null then wanted.execution_id end,
               wanted.endpoint_id, wanted.endpoint, wanted.type, wanted.max_attempts, wanted.input,
               wanted.created_at, wanted.run_at, coalesce(wanted.priority, 0)::integer
          from wanted;
end
$$;
