-- advance_backfill: makes a RUNNING backfill's next executions, as many as max_active leaves room for, at most p_limit; and ends it when all are final.
-- It goes by the version that it was made of: that one's schedule, input and endpoint, as they are delivered to now. Each tick is decided on here and
-- now, by backfill_ticks, and next_at moves past it in the same transaction, so that a crash anywhere leaves nothing behind and nothing twice.
-- A job whose runs must not overlap gives a backfill one run at a time, and only while no other run of the job is unfinished: it waits, it never
-- replaces or skips. While the workspace is suspended it waits too.
-- A run that FAILED is made due again under its own id, by the version that the backfill was made of: its endpoint and input; its attempts go on counting.
-- It waits for no lock. Lock order: jobs, then backfills, as when a job is cancelled (stop_backfills): an execution's foreign key wants the job's.
-- Returns: how many executions were made.
create or replace function kronos.advance_backfill(p_backfill_id uuid, p_limit integer) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    c_most_attempts constant integer := 32767;      -- what the rows hold
    c_ticks_a_call constant integer := 2000;      -- also where most are left out: 8 ms at 4 us a tick
    v_backfill kronos.backfills;
    v_job      kronos.jobs;
    v_newest   record;
    v_made_of  record;
    v_active   integer;
    v_room     integer;
    v_batch    integer;
    v_seen     integer := 0;
    v_made     integer := 0;
    v_step     record;
begin
    select * into v_backfill from kronos.backfills
     where backfill_id = p_backfill_id and status = 'RUNNING'
       and workspace_id = coalesce(kronos.current_workspace_id(), workspace_id);      -- none: the fleet's
    select * into v_job from kronos.jobs where job_id = v_backfill.job_id for key share skip locked;
    -- One backfill of a job at a time, so that two of them cannot both take a tick for not run.
    if v_job.job_id is null or not pg_try_advisory_xact_lock(hashtextextended('kronos.advance_backfill', 0) # hashtextextended(v_job.first_version_id::text, 0)) then
        return 0;
    end if;
    select job_id, overlap into v_newest from kronos.jobs where first_version_id = v_job.first_version_id order by version desc limit 1;
    if v_newest.overlap <> 'ALLOW' then      -- as whoever adds to an overlap key (admit_run)
        perform from kronos.jobs where job_id = v_newest.job_id for no key update skip locked;
        if not found or v_newest.job_id <> (select job_id from kronos.jobs where first_version_id = v_job.first_version_id order by version desc limit 1) then
            return 0;
        end if;
    end if;
    select * into v_backfill from kronos.backfills where backfill_id = p_backfill_id and status = 'RUNNING' for update skip locked;
    if not found then
        return 0;
    end if;

    select count(*) into v_active from kronos.execution_live where backfill_id = p_backfill_id;
    v_room := least(p_limit, v_backfill.max_active - v_active);
    if v_newest.overlap <> 'ALLOW' then
        v_room := case when exists (select from kronos.execution_live where overlap_key = v_job.first_version_id
                                                                             and overlap_nth >= kronos.runs_from(v_job.first_version_id)) then 0 else least(v_room, 1) end;
    end if;
    select endpoint.version, endpoint.deleted_at, workspace.status as workspace_status, made_of.max_attempts, made_of.max_crashes, made_of.timeout_ms
      into v_made_of
      from kronos.endpoints as endpoint
      join kronos.endpoint_versions as made_of using (endpoint_id, version)
      join kronos.workspaces as workspace on workspace.workspace_id = endpoint.workspace_id
     where endpoint.endpoint_id = v_job.endpoint_id;
    if v_made_of.workspace_status = 'DELETED' then      -- and its jobs with it, some of them ended before
        perform kronos.stop_backfill(p_backfill_id, jsonb_build_object('code', 'workspace_deleted', 'detail', 'its workspace was deleted'));
        return 0;
    elsif v_made_of.workspace_status <> 'ACTIVE' then
        v_room := 0;
    elsif v_made_of.deleted_at is not null and v_backfill.next_at is not null then
        update kronos.backfills
           set status = 'FAILED', completed_at = clock_timestamp(),
               status_reason = jsonb_build_object('code', 'endpoint_deleted', 'detail', 'the endpoint of the version that it was made of was deleted')
         where backfill_id = p_backfill_id;
        return 0;
    end if;

    if v_room > 0 then      -- whoever deletes the endpoint wants its row alone (require_live_endpoint)
        perform from kronos.endpoints where endpoint_id = v_job.endpoint_id and deleted_at is null for key share skip locked;
        if not found then
            return 0;
        end if;
    end if;

    v_batch := 2 * v_room + 16;
    while v_made < v_room and v_backfill.next_at is not null and v_seen < c_ticks_a_call loop
        with found as materialized (
            select tick, is_left_out, failed_id, count(*) filter (where not is_left_out) over (order by tick) as nth_to_run
              from kronos.backfill_ticks(v_job, v_backfill.next_at, v_backfill.to_at, v_batch, v_backfill.include)
        ), to_run as materialized (
            select tick, failed_id, kronos.backfill_execution_id(p_backfill_id, v_backfill.created_at, tick) as execution_id,
                   now() - (v_room - nth_to_run) * interval '1 microsecond' as due_at      -- claimed in the order of their ticks
              from found
             where not is_left_out and nth_to_run <= v_room - v_made
        ), failed as materialized (
            select * from kronos.take_failed(array(select failed_id from to_run where failed_id is not null))
        ), again as (
            insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, scheduled_at, run_at, created_at,
                                               visible_at, attempt_count, max_attempts, max_crashes, timeout_ms, started_at, input, error, overlap_key, backfill_id)
            select failed.execution_id, failed.workspace_id, failed.job_id, v_job.endpoint_id, v_made_of.version, failed.cause, failed.scheduled_at,
                   failed.run_at, failed.created_at, to_run.due_at, failed.attempt_count,
                   least(failed.attempt_count::integer + v_made_of.max_attempts, c_most_attempts), v_made_of.max_crashes, v_made_of.timeout_ms,
                   failed.started_at, v_job.input, failed.error, case when v_newest.overlap <> 'ALLOW' then v_job.first_version_id end, p_backfill_id
              from failed
              join to_run on to_run.failed_id = failed.execution_id
                on conflict (execution_id) do nothing
            returning execution_id, workspace_id
        ), noted as (
            insert into kronos.backfill_redriven (backfill_id, workspace_id, execution_id)
            select p_backfill_id, workspace_id, execution_id from again
                on conflict (backfill_id, execution_id) do nothing
        ), finished as materialized (
            select ended.execution_id from kronos.finished_among(array(select execution_id from to_run where failed_id is null)) as ended
        ), made as (
            insert into kronos.execution_live (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, scheduled_at, run_at, visible_at,
                                               max_attempts, max_crashes, timeout_ms, input, overlap_key, backfill_id)
            select execution_id, v_job.workspace_id, v_job.job_id, v_job.endpoint_id, v_made_of.version, 'BACKFILL', tick, due_at, due_at,
                   v_made_of.max_attempts, v_made_of.max_crashes, v_made_of.timeout_ms, v_job.input,
                   case when v_newest.overlap <> 'ALLOW' then v_job.first_version_id end, p_backfill_id
              from to_run
             where failed_id is null
               and not exists (select from finished where finished.execution_id = to_run.execution_id)
                on conflict (execution_id) do nothing
            returning execution_id
        )
        select (select count(*) from made)::integer as made,
               (select count(*) from again)::integer as redriven,
               count(*)::integer as found,
               count(*) filter (where nth_to_run <= v_room - v_made)::integer as decided,
               min(tick) filter (where nth_to_run > v_room - v_made) as undecided_at,
               max(tick) as last_at
          into v_step
          from found;
        v_backfill.created := v_backfill.created + v_step.made;
        v_backfill.redriven := v_backfill.redriven + v_step.redriven;
        v_backfill.left_out := v_backfill.left_out + v_step.decided - v_step.made - v_step.redriven;
        v_backfill.next_at := coalesce(v_step.undecided_at, case when v_step.found = v_batch then kronos.next_tick(v_job.schedule, v_step.last_at) end);
        v_made := v_made + v_step.made + v_step.redriven;
        v_seen := v_seen + v_batch;
        v_batch := least(2 * v_batch, c_ticks_a_call);
    end loop;

    if v_seen > 0 or (v_backfill.next_at is null and v_active = 0) then
        update kronos.backfills
           set next_at      = v_backfill.next_at,
               created      = v_backfill.created,
               redriven     = v_backfill.redriven,
               left_out     = v_backfill.left_out,
               status       = case when v_backfill.next_at is null and v_active + v_made = 0 then 'COMPLETED' else 'RUNNING' end,
               completed_at = case when v_backfill.next_at is null and v_active + v_made = 0 then clock_timestamp() end
         where backfill_id = p_backfill_id;
    end if;
    if v_made > 0 then
        perform pg_notify('kronos_work', '');
    end if;
    return v_made;
end
$$;
