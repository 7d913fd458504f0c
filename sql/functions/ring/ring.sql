-- ring: what a shared entry of pg_cron calls: for all jobs of its alarm, and whatever else is due. As with
-- fire, pg_cron rings and the jobs' rows decide. A thousand jobs after another, each in a transaction of its
-- own, so that the first are delivered while the last are accounted for, and no row is held for long:
--
--   cron.job.command -> ring
--      -> ring_some  -> line_up, due_jobs, account_each    until nothing is due
--      -> ring_held  -> lock_own, account_own              those whose rows others held
--
-- It waits for one row at most, and with no other locked. By the clock: what its role's 30 s would cut off
-- the next ring does.
-- A procedure, since it commits, and so with its caller's rights and without a search_path of its own: all
-- that it calls has both. p_alarm is the digest in the entry's name; it tells pg_cron's rows apart, and
-- nothing else.
create or replace procedure kronos.ring(p_alarm text)
language plpgsql
as $$
declare
    v_until constant timestamptz := kronos.clock() + interval '20 seconds';
    v_found integer;
    v_job_id uuid := '00000000-0000-0000-0000-000000000000'::uuid;
begin
    loop
        v_found := kronos.ring_some();
        commit;
        if v_found = 0 or kronos.clock() >= v_until then
            return;
        end if;
        exit when v_found < 1000;
    end loop;
    while v_job_id is not null and kronos.clock() < v_until loop
        v_job_id := kronos.ring_held(v_job_id);
        commit;
    end loop;
end
$$;
