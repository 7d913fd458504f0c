-- counted_change: an operation after it has processed a job: its counts, the first 50 rejections, and its
-- position. p_refusal: null if the job was changed.
create or replace function kronos.counted_change(p_operation kronos.operations, p_job_id uuid,
                                                 p_created_at timestamptz, p_refusal jsonb)
returns kronos.operations
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    p_operation.position_at := p_created_at;
    p_operation.position_id := p_job_id;
    if p_refusal is null then
        p_operation.done := p_operation.done + 1;
        return p_operation;
    end if;
    p_operation.failed := p_operation.failed + 1;
    p_operation.failures := kronos.added(p_operation.failures,
                                         jsonb_build_object(p_refusal ->> 'code', 1));
    if jsonb_array_length(p_operation.refused) < 50 then
        p_operation.refused := p_operation.refused || jsonb_build_array(
            jsonb_build_object('job', p_job_id) || p_refusal);
    end if;
    return p_operation;
end
$$;
