-- one_at_a_time: ensures that at most one run of an overlap key can be delivered, whichever session writes.
-- It checks while holding the lock of number_run, not by a unique index: while another session reads in an
-- old snapshot, such an index would visit all ended runs of the key, twice per run. Runs as the owner.
-- Raises: 23505 if another run of the key can be delivered.
create or replace function kronos.one_at_a_time() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set enable_bitmapscan = off
set jit = off
as $$
begin
    if tg_op = 'UPDATE' then      -- the lock held by a session that releases a run (release_next)
        perform from kronos.jobs
          where job_id = (select job_id
                            from kronos.jobs
                           where first_version_id = new.overlap_key
                           order by version desc
                           limit 1)
            for no key update;
    end if;
    if exists (select
                 from kronos.execution_live
                where overlap_key = new.overlap_key
                  and overlap_nth >= kronos.runs_from(new.overlap_key)
                  and visible_at < 'infinity'
                  and execution_id <> new.execution_id) then
        raise exception 'another run of job % is due or running, and its runs must not overlap',
            new.overlap_key
            using errcode = 'unique_violation', schema = 'kronos', table = 'execution_live',
                  constraint = 'execution_live_one_at_a_time';
    end if;
    return null;
end
$$;
create or replace trigger execution_live_one_at_a_time
    after insert on kronos.execution_live
    for each row when (
        new.overlap_key is not null and new.visible_at < 'infinity'
    ) execute function kronos.one_at_a_time();
create or replace trigger execution_live_still_one_at_a_time
    after update on kronos.execution_live
    for each row when (new.overlap_key is not null and new.visible_at < 'infinity'
                       and (old.visible_at = 'infinity' or new.overlap_key is distinct from old.overlap_key))
    execute function kronos.one_at_a_time();
