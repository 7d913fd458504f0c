-- repair_pg_cron: make pg_cron's entries and the ACTIVE CRON jobs the same set, batch after batch, and at
-- least one. The time limit counts from the first batch, when rows begin to be held; the run of the next
-- minute continues. Each batch begins at a random place, so that differences that cannot be repaired, however
-- many, do not keep others from their turn.
-- Rows of jobs that are due soon are not held. Jobs that tick each minute or more often are always due soon:
-- they come last, for half a second (repair_spared). At most 1,000 workspaces per call, because each is a
-- lock in PostgreSQL's shared lock table. Shared entries are written first and removed last.
-- Returns: {unscheduled, registered, corrected, busy, failed}, absent if none; how many differences are left;
-- and what failed, up to 100 entries.
create or replace function kronos.repair_pg_cron(p_for interval, out counts jsonb, out remaining integer,
                                                 out errors jsonb)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_began      constant timestamptz := kronos.clock();
    c_at_once    constant integer := 200;
    v_from       constant uuid    := gen_random_uuid();
    c_workspaces constant integer := 1000;
    v_workspaces integer := 0;
    v_has_begun  boolean := false;
    v_batch      record;
    v_spared     uuid[]   := '{}'::uuid[];
    v_spared_ids bigint[] := '{}'::bigint[];
    v_until      timestamptz;
    v_part       record;
begin
    counts := '{}';
    errors := '[]';
    remaining := 0;
    if kronos.is_pg_cron_right() then
        return;
    end if;
    counts := kronos.write_shared(v_began + p_for);
    for v_batch in
        select array_agg(told.job_id) as job_ids, array_agg(told.jobid) as jobids, count(*) as differences,
               count(distinct told.workspace_id) as workspaces,
               max(told.in_all) as in_all
          from (select drift.job_id, drift.jobid, drift.workspace_id, count(*) over () as in_all,
                       row_number() over (order by drift.workspace_id < v_from, drift.workspace_id,
                                          drift.job_id < v_from, drift.job_id) as nth
                  from kronos.pg_cron_drift() as drift
                 where drift.jobname not like 'kronos:@%') as told
         where told.nth <= 20000      -- more than one call does
         group by (told.nth - 1) / c_at_once
         order by (told.nth - 1) / c_at_once
    loop
        remaining := coalesce(nullif(remaining, 0), v_batch.in_all);
        v_workspaces := v_workspaces + v_batch.workspaces;
        exit when (kronos.clock() >= v_until or v_workspaces > c_workspaces) and v_has_begun;
        v_until := coalesce(v_until, kronos.clock() + p_for);
        v_has_begun := true;
        select * into v_part from kronos.repair_entries(v_batch.job_ids, v_batch.jobids, true);
        counts := kronos.added(counts, v_part.counts);
        errors := errors || v_part.errors;
        v_spared := v_spared || v_part.spared_job_ids;
        v_spared_ids := v_spared_ids || v_part.spared_jobids;
        remaining := remaining - v_batch.differences + cardinality(v_part.spared_job_ids) + v_part.unreached;
    end loop;
    select * into v_part from kronos.repair_spared(v_spared, v_spared_ids);
    counts := kronos.added(counts, v_part.counts);
    errors := errors || v_part.errors;
    remaining := remaining - coalesce((select sum(value::integer) from jsonb_each_text(v_part.counts)), 0);
    select * into v_part from kronos.remove_shared(v_began + p_for);
    counts := kronos.added(counts, jsonb_build_object('unscheduled', v_part.removed));
    errors := jsonb_path_query_array(errors, '$[0 to 99]');
    -- busy and failed ones still differ
    remaining :=
        remaining + coalesce((counts ->> 'busy')::integer, 0) + coalesce((counts ->> 'failed')::integer, 0)
        + v_part.remaining;
end
$$;
