-- rotated: the ids in order, starting at a random position if there are more than any run is certain to
-- process (100). Thus rows that fail in each run, however many, cannot keep others from their turn.
create or replace function kronos.rotated(p_job_ids uuid[]) returns uuid[]
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_first constant integer := case when cardinality(p_job_ids) > 100
                                     then floor(random() * cardinality(p_job_ids))::integer
                                     else 0 end;
begin
    return p_job_ids[v_first + 1:] || p_job_ids[:v_first];
end
$$;
