-- ring: the command of a shared pg_cron entry. Accounts for all jobs of its alarm and for everything else
-- that is due. As with fire, pg_cron only rings and the jobs' rows decide. Each transaction accounts for up
-- to a thousand jobs, so that the first are delivered while the last are accounted for, and no row is locked
-- for long:
--
--   cron.job.command -> ring
--      -> ring_some  -> line_up, due_jobs, account_each    until nothing is due
--      -> ring_held  -> lock_own, account_own              jobs whose rows other sessions held
--
-- Locks: waits for at most one row, and holds no other lock while it waits. It stops after 20 s by the clock;
-- the next ring does what its role's limit of 30 s would otherwise cut off.
-- It is a procedure because it commits. So it runs with its caller's rights and without its own search_path;
-- all functions that it calls have both. p_alarm is the digest in the entry's name. It only distinguishes the
-- entries in pg_cron's tables.
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
