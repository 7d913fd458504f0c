-- repair_together: correct the entries of some suspected differences, each checked again with its job's row
-- locked; all or none (repair_entries, which says what p_spares is).
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
    v_wanted  uuid[];
    v_job_ids uuid[];
    v_jobids  bigint[];
    v_alarms  text[];
    v_done    text[];
    v_held    integer[];      -- their indexes
    v_mended  text[];
begin
    v_wanted := case when p_spares
                     then array_remove(p_job_ids, null)
                     else array(select job.job_id
                                  from kronos.jobs as job
                                 cross join lateral kronos.pointer_of(job.job_id) as pointer
                                 where job.job_id = any (p_job_ids)
                                   and pointer.next_tick_at < 'infinity'
                                   and kronos.next_tick(job.schedule, pointer.next_tick_at)
                                       < kronos.clock() + kronos.grace())
                end;
    select array_agg(suspect.job_id order by suspect.nth), array_agg(suspect.jobid order by suspect.nth),
           array_agg(held.alarm order by suspect.nth),
           array_agg(case when job.job_id is null or held.job_id is not null
                          then 'held'
                          when p_spares and kronos.is_due_soon(job.status, pointer.next_tick_at)
                              then 'spared'
                          else 'busy'
                     end order by suspect.nth)
      into v_job_ids, v_jobids, v_alarms, v_done
      from unnest(p_job_ids, p_jobids) with ordinality as suspect (job_id, jobid, nth)
      left join kronos.hold_jobs(v_wanted, p_spares) as held on held.job_id = suspect.job_id
      left join kronos.jobs as job on job.job_id = suspect.job_id
      left join lateral kronos.pointer_of(job.job_id) as pointer on true
     where p_spares or suspect.job_id = any (v_wanted);
    v_held := array(select nth::integer
                      from unnest(v_done) with ordinality as looked_at (done, nth)
                     where done = 'held'
                     order by nth);
    v_alarms := kronos.share_alarms(v_job_ids, v_alarms);
    v_mended := kronos.mend_pg_cron_entries(array(select v_job_ids[nth] from unnest(v_held) as nth),
                                            array(select v_jobids[nth] from unnest(v_held) as nth),
                                            array(select v_alarms[nth] from unnest(v_held) as nth),
                                            v_place.database, v_place.nodename, v_place.nodeport);
    counts := (select coalesce(jsonb_object_agg(done, times), '{}')
                 from (select done, count(*) as times
                         from unnest(v_mended || array_remove(v_done, 'held')) as done
                        where done <> 'spared' group by done) as told);
    spared_job_ids := array(select v_job_ids[nth]
                              from unnest(v_done) with ordinality as looked_at (done, nth)
                             where done = 'spared'
                             order by nth);
    spared_jobids := array(select v_jobids[nth]
                             from unnest(v_done) with ordinality as looked_at (done, nth)
                            where done = 'spared'
                            order by nth);
end
$$;
