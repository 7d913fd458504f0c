-- repair_spared: repair_entries for the differences that repair_pg_cron spared because their jobs were due
-- soon: some at a time, for half a second and at least once.
-- Returns: counts and errors, as repair_entries.
create or replace function kronos.repair_spared(p_job_ids uuid[], p_jobids bigint[], out counts jsonb,
                                                out errors jsonb)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    c_at_once constant integer     := 200;
    v_until   constant timestamptz := kronos.clock() + interval '0.5 seconds';
    v_at      integer := 1;
    v_part    record;
begin
    counts := '{}';
    errors := '[]';
    while v_at <= cardinality(p_job_ids) loop
        select * into v_part from kronos.repair_entries(p_job_ids[v_at : v_at + c_at_once - 1],
                                                        p_jobids[v_at : v_at + c_at_once - 1], false);
        counts := kronos.added(counts, v_part.counts);
        errors := errors || v_part.errors;
        v_at := v_at + c_at_once;
        exit when kronos.clock() >= v_until;
    end loop;
end
$$;
