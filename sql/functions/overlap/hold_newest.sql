-- hold_newest: locks the row of the newest version of a job, as each session that adds to its overlap key
-- does. Waits for no lock. SKIP LOCKED applies to the chosen version, not to the choice: otherwise it would
-- skip to an older version, whose lock guards nothing.
-- Returns: whether it is locked; false if another session holds it, or has committed a newer one meanwhile.
create or replace function kronos.hold_newest(p_first_version_id uuid) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_newest uuid;
begin
    select job_id into v_newest
      from kronos.jobs
     where job_id = (select job_id
                       from kronos.jobs
                      where first_version_id = p_first_version_id
                      order by version desc
                      limit 1)
       for no key update skip locked;
    -- If a newer version was committed before we got the lock, we have locked the wrong row.
    return found
       and v_newest = (select job_id
                         from kronos.jobs
                        where first_version_id = p_first_version_id
                        order by version desc
                        limit 1);
end
$$;
