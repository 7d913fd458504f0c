-- version_rows: all versions of the job whose first version has this id; for a one-shot without a row in
-- kronos.jobs, its only one (one_shot_rows). Runs as the caller: row level security applies.
create or replace function kronos.version_rows(p_first_version_id uuid) returns setof kronos.jobs
language plpgsql stable rows 10 security invoker set search_path = pg_catalog, pg_temp
as $$
begin
    return query
        select * from kronos.jobs where first_version_id = p_first_version_id;
    if not found then
        return query
            select * from kronos.one_shot_rows(array[p_first_version_id]);
    end if;
end
$$;
