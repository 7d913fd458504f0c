-- no_entry: what a job shows of pg_cron if it has no entry because it has no future ticks. Inlined.
create or replace function kronos.no_entry(p_job_id uuid, p_alarm text) returns jsonb
language sql immutable parallel safe
as $$
    select jsonb_build_object('jobid', null, 'jobname', 'kronos:' || p_job_id, 'schedule', p_alarm,
                              'active', true)
$$;
