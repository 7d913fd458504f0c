-- settled_job_id: the job whose ticks settle_ticks accounted for in this transaction, or null. Called in the
-- statement that then changes the job.
create or replace function kronos.settled_job_id() returns uuid
language sql stable parallel safe
as $$
    select nullif(current_setting('kronos.settled_job_id', true), '')::uuid
$$;
