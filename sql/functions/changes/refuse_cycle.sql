-- refuse_cycle: raises an error if a job's callbacks would lead back to it, or if a chain of jobs would be
-- longer than 10. It reads live jobs: the caller holds the lock of the workspace's chains. A job calls at
-- most two others, so there are at most 1,024 paths onward; those that lead here are counted by their
-- lengths.
-- Raises: KR034, which names the path.
create or replace function kronos.refuse_cycle(p_job kronos.jobs, p_event text, p_first_version_id uuid)
returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
declare
    v_way    uuid[];
    v_before integer;
    v_names  text;
begin
    with recursive chain as (
        select array[p_first_version_id] as way
         union all
        select chain.way || following.first_version_id
          from chain
         cross join lateral kronos.jobs_called(chain.way[cardinality(chain.way)]) as following
         where chain.way[cardinality(chain.way)] <> p_job.first_version_id
           and cardinality(chain.way) < kronos.most_jobs_of_a_chain()
    )
    select chain.way into v_way
      from chain
     order by chain.way[cardinality(chain.way)] = p_job.first_version_id desc, cardinality(chain.way) desc
     limit 1;
    with recursive before as (
        select p_job.first_version_id as first_version_id, 0 as jobs
         union
        select calling.first_version_id, before.jobs + 1
          from before
          join kronos.job_callbacks as called on called.first_version_id = before.first_version_id
          join kronos.jobs as calling on calling.job_id = called.job_id
         where calling.status in ('ACTIVE', 'PAUSED')
           and before.jobs < kronos.most_jobs_of_a_chain()
    )
    select max(before.jobs) into v_before from before;
    if v_way[cardinality(v_way)] <> p_job.first_version_id
   and v_before + 1 + cardinality(v_way) <= kronos.most_jobs_of_a_chain() then
        return;
    end if;
    select string_agg(coalesce(case when step.id = p_job.first_version_id then p_job.name
                                    else (select job.name from kronos.jobs as job
                                           where job.first_version_id = step.id
                                             and job.status in ('ACTIVE', 'PAUSED')) end,
                               step.id::text), ' -> ' order by step.nth)
      into v_names
      from unnest(p_job.first_version_id || v_way) with ordinality as step (id, nth);
    raise sqlstate 'KR034' using
        column = p_event || '.job',
        message = case when v_way[cardinality(v_way)] = p_job.first_version_id
                       then 'the job would call itself back: ' || v_names
                       else format('the chain would have more than %s jobs: %s%s',
                                   kronos.most_jobs_of_a_chain(),
                                   case when v_before > 0 then format('%s before it, then ', v_before) end,
                                   v_names) end,
        hint = 'Name another job, or remove the callback from a job in this chain.';
end
$$;
