-- lock_newest: locks the row of the newest version of a job, as a session that changes or cancels the job
-- does, and waits for it. A one-shot without a row is only its execution: nothing is locked.
-- Returns: the version; for such a one-shot, the row that it would have (one_shot_rows).
create or replace function kronos.lock_newest(p_first_version_id uuid) returns kronos.jobs
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_newest kronos.jobs;
begin
    loop      -- a version committed before we had the lock is not the one that we locked
        select * into v_newest
          from kronos.jobs
         where job_id = (select job_id
                           from kronos.jobs
                          where first_version_id = p_first_version_id
                          order by version desc
                          limit 1)
           for no key update;
        if not found then
            select * into v_newest from kronos.one_shot_rows(array[p_first_version_id]);
            exit;
        end if;
        exit when v_newest.job_id = (select job_id
                                       from kronos.jobs
                                      where first_version_id = p_first_version_id
                                      order by version desc
                                      limit 1);
    end loop;
    return v_newest;
end
$$;
