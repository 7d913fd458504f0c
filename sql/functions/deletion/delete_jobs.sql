-- delete_jobs: a step of a deletion: deletes jobs, all versions, and the rows that refer to them.
-- Returns: the deletion's progress.
-- Raises: pg_cron's errors, unchanged; 23503 if one of them has an unfinished execution again (require_job).
create or replace function kronos.delete_jobs(p_deletion kronos.deletions, p_limit integer)
returns kronos.deletions
language plpgsql volatile set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
declare
    v_job_ids constant uuid[] := array(select job.job_id
                                         from kronos.jobs as job
                                        where job.workspace_id = p_deletion.deleted_id
                                          and job.job_id > p_deletion.after_id
                                        order by job.job_id
                                        limit p_limit
                                          for update);
begin
    -- an entry that was registered by hand meanwhile
    perform kronos.unregister_jobs(v_job_ids);
    delete from kronos.backfills as backfill where backfill.job_id = any (v_job_ids);
    delete from kronos.job_faults as fault where fault.job_id = any (v_job_ids);
    delete from kronos.cancelled_jobs as cancelled where cancelled.job_id = any (v_job_ids);
    delete from kronos.jobs as job where job.job_id = any (v_job_ids);
    perform kronos.settle_alarms();
    p_deletion.done := p_deletion.done + cardinality(v_job_ids);
    if cardinality(v_job_ids) < p_limit then
        return kronos.next_phase(p_deletion, 'NOTES');
    end if;
    p_deletion.after_id := v_job_ids[p_limit];
    return p_deletion;
end
$$;
