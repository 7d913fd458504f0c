-- admit_run: whether a run of a job whose runs must not overlap may be made now, by the job's policy and what
-- is there of its overlap key:
--
--   SKIP      nothing there: RUN; the only one is lost: HOLD; else SKIP
--   QUEUE     nothing there: RUN; one, and none waits: HOLD; else SKIP
--   REPLACE   all that is there is ended: RUN; where another session has it locked at this moment: HOLD,
--             and release_next ends it, as it lets this one go
--
-- A HOLD is inserted with visible_at 'infinity', so that at any instant one execution of a key at most is
-- anybody's to deliver. Lost is one whose worker let its lease run out, or stopped while it was under way: it
-- is delivered again first, and the run that is held comes right after it, so a dead worker costs no tick
-- beyond its lease.
-- Of a job that has a deadline, a run that waits and is past its own ends first, as EXPIRED: nothing will be
-- delivered of it, so it stands in nobody's way, and nothing replaces it.
-- Asked once a run. The caller holds the row lock of the job's newest version: each session that adds to a
-- key, or lets something of it go (release_next), holds it. It asks in statements of its own, so that each
-- sees what was committed before the lock was granted.
-- Returns: RUN, HOLD or SKIP, with the reason. Waits for nobody.
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
                                                       'detail', 'another execution of the job waits already',
                                                       'running', v_there.running,
                                                       'waiting', v_there.waiting));
    elsif verdict = 'SKIP' then
        reason := jsonb_build_object('code', 'overlap', 'detail', 'an execution of the job had not ended',
                                     'running', coalesce(v_there.running, v_there.waiting));
    end if;
end
$$;
