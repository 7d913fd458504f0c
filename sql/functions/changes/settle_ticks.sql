-- settle_ticks: accounts for a CRON job's ticks up to now before the job is changed, so that no tick of the
-- present version is lost: as executions, or as skipped if the job or its workspace is halted. It holds the
-- workspace's lock, shared, and the job's row lock until the transaction ends, so that neither is suspended
-- or resumed meanwhile.
--
-- It passes two settings to the rest of the transaction. kronos.settled_at is the instant up to which ticks
-- are settled: the next version begins exactly there, so that a tick at that instant belongs to one version
-- only. kronos.settled_job_id is the job, because its name may have gone to a newer version during the wait
-- for the lock.
-- It is the first statement of a backfill's transaction; settle_version begins with it.
-- Returns: the number of executions created; 0 also if the caller's workspace has no such job.
-- Raises: 55P03 if due ticks cannot be accounted for at this moment; pg_cron's errors, unchanged, if a pause
-- has just ended: the job is registered before it is changed.
create or replace function kronos.settle_ticks(p_job_id uuid) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_job  kronos.jobs;
    v_tick timestamptz;      -- its pointer
    v_why  jsonb;
    v_now  timestamptz;
    v_late uuid[];
    v_made integer := 0;
begin
    perform set_config('kronos.settled_job_id',
                       coalesce((select job_id::text from kronos.jobs
                                  where job_id = p_job_id
                                    and workspace_id = kronos.current_workspace_id()),
                                (select execution_id::text from kronos.execution_live      -- without a row
                                  where execution_id = p_job_id and job_id = p_job_id
                                    and workspace_id = kronos.current_workspace_id()),
                                ''),
                       true);
    perform pg_advisory_xact_lock_shared(kronos.workspace_lock(kronos.current_workspace_id()));
    select * into v_job
      from kronos.jobs
     where job_id = p_job_id
       and workspace_id = kronos.current_workspace_id()
       and trigger = 'CRON'
       and status in ('ACTIVE', 'PAUSED')
       for update;
    v_now := kronos.clock();      -- after the lock: its holder may have accounted for ticks since now()
    perform set_config('kronos.settled_at', kronos.iso(greatest(v_now, kronos.settled_beyond(v_job, v_now))),
                       true);
    perform kronos.follow_moves(array[v_job.job_id]);
    if v_job.status = 'PAUSED' and v_job.resume_at <= v_now then
        perform kronos.end_pause(p_job_id);
        if kronos.alarm_of(p_job_id) is not null then
            perform kronos.register_pg_cron(p_job_id);
        end if;
        select * into strict v_job from kronos.jobs where job_id = p_job_id;
    end if;
    v_late := kronos.follow_turns(array[v_job.job_id]);
    v_tick := (select pointer.next_tick_at from kronos.pointer_of(v_job.job_id) as pointer);
    if v_late = '{}' and (v_tick is null or v_tick > v_now) then
        return 0;
    end if;
    v_why := kronos.why_halted(v_job);
    if v_late = '{}' and v_why is not null then
        perform kronos.skip_ticks(p_job_id, v_now, v_why);
        return 0;
    end if;
    if v_late = '{}' then
        select account.left_job_ids, account.delivered into v_late, v_made
          from kronos.account_upto(array[p_job_id], v_now) as account;
    end if;
    -- Neither accounted for nor found broken: there are too many at once, or a passing condition was in the
    -- way (is_passing). A change now would lose these ticks.
    if v_late <> '{}' then
        raise exception 'the due ticks of job % cannot be accounted for at this moment',
            p_job_id using
            errcode = 'lock_not_available';
    end if;
    return v_made;
end
$$;
