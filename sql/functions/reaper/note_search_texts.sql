-- note_search_texts: gives rows of jobs that a release before made the text that q is looked for in
-- (search_text), two hundred at a time until p_until, and at least those; the next minute goes on where this
-- one stopped. Rows that somebody holds come then. Once there are none left it costs a look into an empty
-- index. Returns: whether there are any left.
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
