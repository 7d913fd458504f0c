-- note_search_texts: fill in search_text, the text that `q` searches, for rows of jobs that an earlier
-- release created. Two hundred at a time until p_until, and at least once; the run of the next minute
-- continues. Rows that another session holds are done then. When none are left, it costs one lookup in an
-- empty index.
-- Returns: whether any are left.
create or replace function kronos.note_search_texts(p_until timestamptz) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    v_noted integer;
begin
    loop
        with bare as materialized (
            select job.job_id
              from kronos.jobs as job
             where job.search_text is null
               and (job.name is not null or job.title is not null or job.description is not null)
             limit 200
               for no key update skip locked
        )
        update kronos.jobs as job
           set search_text = kronos.search_text(job.name, job.title, job.description)
          from bare
         where job.job_id = bare.job_id;
        get diagnostics v_noted = row_count;
        exit when v_noted < 200 or kronos.clock() >= p_until;
    end loop;
    return exists (select from kronos.jobs as job
                    where job.search_text is null
                      and (job.name is not null or job.title is not null or job.description is not null));
end
$$;
