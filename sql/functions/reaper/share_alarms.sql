-- share_alarms: write the missing shared entries of those of the jobs that share one, so that the jobs' own
-- entries can be removed. Locks are only tried: if another session holds one, the job keeps its own entry
-- until the next check. p_alarms: the alarm of each job; null for none. The caller holds the jobs' rows.
-- Returns: the alarm that each job's own entry must have, in the order of the jobs; null if it must have no
-- entry.
create or replace function kronos.share_alarms(p_job_ids uuid[], p_alarms text[]) returns text[]
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_texts text[];
    v_names text[];
begin
    select array_agg(each.text), array_agg(each.jobname) into v_texts, v_names
      from (select text, alike.jobname
              from (select distinct shared.jobname, shared.alarm
                      from unnest(p_job_ids, p_alarms) as job (id, alarm)
                      join kronos.shared_names(p_job_ids) as shared on shared.job_id = job.id
                     where job.alarm is not null) as alike
             cross join lateral unnest(kronos.ring_texts(array[alike.alarm])) as text
             where pg_try_advisory_xact_lock_shared(hashtext('kronos.alarms'),
                                                    kronos.alarm_lock(alike.jobname))) as each;
    if v_texts is not null then
        perform kronos.write_alarms(v_texts, array_fill(true, array[cardinality(v_texts)]),
                                    array_fill(true, array[cardinality(v_texts)]), true);
    end if;
    return array(select case when shared.jobname = any (v_names) then null else job.alarm end
                   from unnest(p_job_ids, p_alarms) with ordinality as job (id, alarm, nth)
                   left join kronos.shared_names(p_job_ids) as shared on shared.job_id = job.id
                  order by job.nth);
end
$$;
