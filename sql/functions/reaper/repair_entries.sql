-- repair_entries: correct the entries of some suspected differences, each checked again with its job's row
-- locked (repair_together). If one of them fails, each half of the batch is tried separately, and so on, so
-- that it stops no other. An error that no single row causes, such as a table that another session has
-- locked, is not divided.
-- p_spares: jobs that are due soon are left alone. Without it only those are handled, and of them only jobs
-- that tick again within the grace, and so would be due soon whenever the reaper comes.
-- Returns: {unscheduled, registered, corrected, busy, failed}: how many of each, absent if none. busy: a
-- request holds the job, or its workspace is being suspended or resumed. spared_*: those that were left
-- alone.
create or replace function kronos.repair_entries(p_job_ids uuid[], p_jobids bigint[], p_spares boolean,
                                                 out counts jsonb, out errors jsonb,
                                                 out spared_job_ids uuid[], out spared_jobids bigint[])
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_half constant integer := cardinality(p_job_ids) / 2;
    v_part record;
begin
    errors := '[]';
    spared_job_ids := '{}';
    spared_jobids := '{}';
    begin
        select * into v_part from kronos.repair_together(p_job_ids, p_jobids, p_spares);
        counts := v_part.counts;
        spared_job_ids := v_part.spared_job_ids;
        spared_jobids := v_part.spared_jobids;
        return;
    exception when others then
        if v_half = 0 or kronos.is_shortage(sqlstate) then
            counts := jsonb_build_object('failed', cardinality(p_job_ids));
            errors := jsonb_build_array(jsonb_build_object('job_id', p_job_ids[1], 'jobid', p_jobids[1],
                                                           'type', sqlstate, 'message', sqlerrm));
            return;
        end if;
    end;
    counts := '{}';
    for v_part in
        select each.*
          from (values (1, v_half), (v_half + 1, cardinality(p_job_ids))) as part (first, last)
         cross join lateral kronos.repair_entries(p_job_ids[part.first:part.last],
                                                  p_jobids[part.first:part.last], p_spares) as each
    loop
        counts := kronos.added(counts, v_part.counts);
        errors := errors || v_part.errors;
        spared_job_ids := spared_job_ids || v_part.spared_job_ids;
        spared_jobids := spared_jobids || v_part.spared_jobids;
    end loop;
end
$$;
