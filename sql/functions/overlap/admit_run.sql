-- admit_run: whether a run of a job whose runs must not overlap may be created now, by the job's policy and
-- the unfinished runs of its overlap key:
--
--   SKIP      none: RUN; the only one is lost: HOLD; otherwise SKIP
--   QUEUE     none: RUN; one, and none waits: HOLD; otherwise SKIP
--   REPLACE   all of them are ended: RUN; if another session has one locked: HOLD,
--             and release_next ends it when it releases this one
--
-- A HOLD is inserted with visible_at 'infinity', so that at any time at most one execution of a key can be
-- delivered. A run is lost if its worker let the lease expire or stopped during the delivery: it is delivered
-- again first, and the held run follows immediately, so a dead worker costs no tick beyond its lease.
-- If the job has a deadline, waiting runs past their own deadline first end as EXPIRED: they will never be
-- delivered, so they neither block a run nor are replaced by one.
-- Called once per run. The caller holds the row lock of the job's newest version, as does every session that
-- adds to a key or releases a run of it (release_next). Uses separate statements, so that each sees what was
-- committed before the lock was granted. Waits for no lock.
-- Returns: RUN, HOLD or SKIP, with the reason.
create or replace function kronos.admit_run(p_job kronos.jobs, p_now timestamptz, out verdict text,
                                            out reason jsonb)
language plpgsql volatile set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set enable_bitmapscan = off
set jit = off
as $$
declare
    v_there  record;
begin
    if p_job.overlap = 'ALLOW' then
        verdict := 'RUN';
        return;
    end if;
    if p_job.deadline_seconds is not null and not kronos.is_held() then
        perform kronos.expire_each(array(
            select execution_id
              from kronos.execution_live
             where overlap_key = p_job.first_version_id
               and overlap_nth >= kronos.runs_from(p_job.first_version_id)
               and claim_token is null
               and deadline_at <= p_now
               for update skip locked));
    end if;
    if p_job.overlap = 'REPLACE' then
        verdict := case when kronos.replace_runs(p_job.first_version_id, 'infinity') then 'RUN'
                        else 'HOLD' end;
        return;
    end if;
    select (array_agg(execution_id) filter (where visible_at < 'infinity'))[1] as running,
           (array_agg(execution_id) filter (where visible_at = 'infinity'))[1] as waiting,
           bool_and(case when claim_token is not null then visible_at <= p_now
                         else crashes > 0
                          and error ->> 'type' in ('lease_expired', 'worker_stopped') end) as is_lost
      into v_there
      from kronos.execution_live
     where overlap_key = p_job.first_version_id
       and overlap_nth >= kronos.runs_from(p_job.first_version_id);
    verdict := case when v_there.running is null and v_there.waiting is null
                    then 'RUN'
                    when v_there.waiting is null and (p_job.overlap = 'QUEUE' or v_there.is_lost)
                        then 'HOLD'
                    else 'SKIP'
               end;
    if verdict = 'SKIP' and p_job.overlap = 'QUEUE' then
        reason := jsonb_strip_nulls(jsonb_build_object('code', 'overlap_queue_full',
                                                       'detail', 'another execution of the job is waiting',
                                                       'running', v_there.running,
                                                       'waiting', v_there.waiting));
    elsif verdict = 'SKIP' then
        reason := jsonb_build_object('code', 'overlap', 'detail', 'an execution of the job had not ended',
                                     'running', coalesce(v_there.running, v_there.waiting));
    end if;
end
$$;
