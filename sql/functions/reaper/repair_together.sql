-- repair_together: correct the entries of some suspected differences, each checked again with its job's row
-- locked (hold_suspects); all or none (repair_entries, which says what p_spares is).
-- Lock order: the workspaces, the jobs' rows, cron.job. Waits for no row.
-- Returns: {unscheduled, registered, corrected, busy}: how many of each, absent if none. spared_*: those that
-- were left alone.
create or replace function kronos.repair_together(p_job_ids uuid[], p_jobids bigint[], p_spares boolean,
                                                  out counts jsonb, out spared_job_ids uuid[],
                                                  out spared_jobids bigint[])
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_place   constant record := kronos.entry_place();
    v_job_ids uuid[];
    v_jobids  bigint[];
    v_alarms  text[];
    v_fates   text[];
    v_held    integer[];      -- their indexes
    v_spared  integer[];
    v_mended  text[];
begin
    select array_agg(suspect.job_id order by suspect.nth), array_agg(suspect.jobid order by suspect.nth),
           array_agg(suspect.alarm order by suspect.nth), array_agg(suspect.fate order by suspect.nth)
      into v_job_ids, v_jobids, v_alarms, v_fates
      from kronos.hold_suspects(p_job_ids, p_jobids, p_spares) as suspect;
    v_held := array_positions(v_fates, 'held');
    v_spared := array_positions(v_fates, 'spared');
    v_alarms := kronos.share_alarms(v_job_ids, v_alarms);
    v_mended := kronos.mend_pg_cron_entries(array(select v_job_ids[nth] from unnest(v_held) as nth),
                                            array(select v_jobids[nth] from unnest(v_held) as nth),
                                            array(select v_alarms[nth] from unnest(v_held) as nth),
                                            v_place.database, v_place.nodename, v_place.nodeport);
    counts := (select coalesce(jsonb_object_agg(done, times), '{}')
                 from (select done, count(*) as times
                         from unnest(v_mended || array_remove(v_fates, 'held')) as done
                        where done <> 'spared' group by done) as told);
    spared_job_ids := array(select v_job_ids[nth] from unnest(v_spared) as nth);
    spared_jobids := array(select v_jobids[nth] from unnest(v_spared) as nth);
end
$$;
