-- hold_suspects: locks the jobs of some suspected differences between jobs and pg_cron's entries, and decides
-- which of them may be corrected now. p_spares: as in repair_entries.
-- Returns: rows in no order, one per difference, nth in the order given, except, without p_spares, those that
-- are left alone. alarm: as in hold_jobs. fate: held; spared: the job is due soon; busy: a request holds the
-- job, or its workspace is being suspended or resumed.
create or replace function kronos.hold_suspects(p_job_ids uuid[], p_jobids bigint[], p_spares boolean)
returns table (nth bigint, job_id uuid, jobid bigint, alarm text, fate text)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_wanted constant uuid[] :=
        case when p_spares
             then array_remove(p_job_ids, null)
             else array(select job.job_id
                          from kronos.jobs as job
                         cross join lateral kronos.pointer_of(job.job_id) as pointer
                         where job.job_id = any (p_job_ids)
                           and pointer.next_tick_at < 'infinity'
                           and kronos.next_tick(job.schedule, pointer.next_tick_at)
                               < kronos.clock() + kronos.grace())
        end;
begin
    return query
        select suspect.nth, suspect.job_id, suspect.jobid, held.alarm,
               case when job.job_id is null or held.job_id is not null
                    then 'held'
                    when p_spares and kronos.is_due_soon(job.status, pointer.next_tick_at)
                        then 'spared'
                    else 'busy'
               end
          from unnest(p_job_ids, p_jobids) with ordinality as suspect (job_id, jobid, nth)
          left join kronos.hold_jobs(v_wanted, p_spares) as held on held.job_id = suspect.job_id
          left join kronos.jobs as job on job.job_id = suspect.job_id
          left join lateral kronos.pointer_of(job.job_id) as pointer on true
         where p_spares or suspect.job_id = any (v_wanted);
end
$$;
