-- repair_entries: repair_together for some suspected differences. If one of them fails, the halves of the
-- batch are tried separately, and so on, so that it stops no other; until p_until and in random order, as in
-- expire_each. An error that no single row causes, such as a table that another session has locked, is not
-- divided.
-- p_spares: jobs that are due soon are left alone. Without it only those are handled, and of them only jobs
-- that tick again within the grace, and so would be due soon whenever the reaper comes.
-- Returns: {unscheduled, registered, corrected, busy, failed}: how many of each, absent if none. busy: a
-- request holds the job, or its workspace is being suspended or resumed. unreached: how many the time did not
-- suffice for. spared_*: those that were left alone.
create or replace function kronos.repair_entries(p_job_ids uuid[], p_jobids bigint[], p_spares boolean,
                                                 p_until timestamptz default null, out counts jsonb,
                                                 out errors jsonb, out unreached integer,
                                                 out spared_job_ids uuid[], out spared_jobids bigint[])
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_half     constant integer := cardinality(p_job_ids) / 2;
    v_is_first constant boolean := random() < 0.5;
    v_is_tried boolean := false;
    v_until    timestamptz;
    v_part     record;
    v_done     record;
begin
    errors := '[]';
    unreached := 0;
    spared_job_ids := '{}';
    spared_jobids := '{}';
    begin
        select * into counts, spared_job_ids, spared_jobids
          from kronos.repair_together(p_job_ids, p_jobids, p_spares);
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
    v_until := coalesce(p_until, kronos.clock() + interval '0.5 seconds');
    for v_part in
        select part.first, part.last
          from (values (1, v_half), (v_half + 1, cardinality(p_job_ids))) as part (first, last)
         order by (part.first = 1) = v_is_first
    loop
        if v_is_tried and kronos.clock() >= v_until then
            unreached := unreached + v_part.last - v_part.first + 1;
            continue;
        end if;
        v_is_tried := true;
        select * into v_done from kronos.repair_entries(p_job_ids[v_part.first:v_part.last],
                                                        p_jobids[v_part.first:v_part.last], p_spares,
                                                        v_until);
        counts := kronos.added(counts, v_done.counts);
        errors := errors || v_done.errors;
        unreached := unreached + v_done.unreached;
        spared_job_ids := spared_job_ids || v_done.spared_job_ids;
        spared_jobids := spared_jobids || v_done.spared_jobids;
    end loop;
end
$$;
