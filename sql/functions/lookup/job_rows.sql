-- job_rows: a job by its id: its row, or for a one-shot without one, the row of one_shot_rows. Runs as the
-- caller: row level security applies.
create or replace function kronos.job_rows(p_job_id uuid) returns setof kronos.jobs
language plpgsql stable rows 1 security invoker set search_path = pg_catalog, pg_temp
as $$
begin
    return query
        select * from kronos.jobs where job_id = p_job_id;
    if not found then
        return query
            select * from kronos.one_shot_rows(array[p_job_id]);
    end if;
end
$$;
