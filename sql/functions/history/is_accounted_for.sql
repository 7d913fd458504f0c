-- is_accounted_for: whether an execution with this id exists, finished or not.
create or replace function kronos.is_accounted_for(p_execution_id uuid) returns boolean
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select exists (select from kronos.execution_live where execution_id = p_execution_id)
        or exists (select from kronos.finished_among(array[p_execution_id]))
$$;
