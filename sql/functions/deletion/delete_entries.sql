-- delete_entries: a step of a deletion: removes the pg_cron entries of its next p_limit live CRON jobs, and
-- hides their pointers from rings.
-- Returns: the deletion's progress.
-- Raises: pg_cron's errors, unchanged.
create or replace function kronos.delete_entries(p_deletion kronos.deletions, p_limit integer)
returns kronos.deletions
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_deletion kronos.deletions := p_deletion;
    v_job_ids  uuid[];
begin
    select coalesce(array_agg(next.job_id order by next.created_at, next.job_id), '{}') into v_job_ids
      from kronos.next_to_turn(p_deletion.deleted_id, p_deletion.after_at, p_deletion.after_id,
                               p_limit) as next;
    perform kronos.unregister_jobs(v_job_ids);
    update kronos.pointers as pointer
       set is_halted = true
      from unnest(v_job_ids) as each (job_id)
     cross join lateral kronos.pointer_of(each.job_id) as found
     where pointer.job_id = found.job_id
       and pointer.next_tick_at = found.next_tick_at
       and not pointer.is_halted;
    perform kronos.settle_alarms();      -- last: other commits wait for the locks of shared entries
    v_deletion.done := v_deletion.done + cardinality(v_job_ids);
    if cardinality(v_job_ids) < p_limit then
        return kronos.next_phase(v_deletion, 'EXECUTIONS');
    end if;
    select job.created_at, job.job_id into v_deletion.after_at, v_deletion.after_id
      from kronos.jobs as job
     where job.job_id = v_job_ids[cardinality(v_job_ids)];
    return v_deletion;
end
$$;
