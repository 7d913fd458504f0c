-- job_rows: a job by its id: its row, or that of a one-shot which has none (one_shot_rows). As the caller:
-- row level security holds.
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
