-- turn_together: let jobs of a workspace follow its last suspension or resumption (turn_each), all or none.
-- Lock order: the jobs' rows, cron.job, shared entries. Waits for no row.
-- Returns: the jobs that are left behind, because other sessions have locked them or they were not reached.
create or replace function kronos.turn_together(p_job_ids uuid[], p_is_suspended boolean, p_ticks boolean,
                                                p_entries boolean)
returns uuid[]
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_now    constant timestamptz := kronos.clock();
    v_held   uuid[];
    v_paused uuid[];
    v_late   uuid[] := '{}'::uuid[];
begin
    select coalesce(array_agg(job_id), '{}'),
           coalesce(array_agg(job_id) filter (where is_over), '{}') into v_held, v_paused
      from (select job.job_id, job.status = 'PAUSED' and job.resume_at <= v_now as is_over
              from kronos.jobs as job
             where job.job_id = any (p_job_ids)
               and job.status in ('ACTIVE', 'PAUSED')
             order by job.job_id
               for update skip locked) as locked;
    if p_ticks then
        perform kronos.follow_moves(v_held);
        if v_paused <> '{}' then
            perform kronos.skip_each(v_paused, v_now, null);
            update kronos.jobs set status = 'ACTIVE', status_reason = null, resume_at = null
             where job_id = any (v_paused);
        end if;
        v_late := kronos.follow_turns(v_held);
        v_held := array(select unnest(v_held) except select unnest(v_late));
    end if;
    if p_entries and p_is_suspended then
        perform kronos.unregister_jobs(v_held);
    elsif p_entries then
        v_late := kronos.register_each(v_held);
        v_held := array(select unnest(v_held) except select unnest(v_late));
    end if;
    if p_entries then
        perform kronos.settle_alarms_soon();      -- shared entries; failures are left behind
    end if;
    if cardinality(v_held) = cardinality(p_job_ids) then
        return '{}'::uuid[];
    end if;
    return array(select job.job_id
                   from unnest(p_job_ids) with ordinality as asked (job_id, nth)
                   join kronos.jobs as job using (job_id)
                  where job.status in ('ACTIVE', 'PAUSED')
                    and job.job_id <> all (v_held)
                  order by asked.nth);
end
$$;
