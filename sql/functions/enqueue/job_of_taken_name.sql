-- job_of_taken_name: that of the jobs (make_one_shot_jobs) whose name a session has taken that this
-- transaction cannot see. One of them is known to be. It is found by trying, because row level security keeps
-- the name from the error: a part of them at a time, half as many each time, and what was created is undone.
-- Returns: the job.
create or replace function kronos.job_of_taken_name(p_jobs jsonb) returns jsonb
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
declare
    c_none constant text := 'KR043';
    v_jobs jsonb[] := array(select named.job
                              from jsonb_array_elements(p_jobs) as named (job)
                             where named.job ? 'name');
    v_half integer;
begin
    while cardinality(v_jobs) > 1 loop
        v_half := cardinality(v_jobs) / 2;
        begin
            perform kronos.make_one_shot_jobs(to_jsonb(v_jobs[:v_half]));
            raise exception using errcode = c_none;
        exception
            when sqlstate 'KR043' then
                v_jobs := v_jobs[v_half + 1:];
            when unique_violation then
                v_jobs := v_jobs[:v_half];
        end;
    end loop;
    return v_jobs[1];
end
$$;
