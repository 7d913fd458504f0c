-- fault_rest: how long other jobs' rings skip a job whose due ticks could not be accounted for
-- (has_just_failed). due_jobs and catch_up first use it to check whether there is any such job.
create or replace function kronos.fault_rest() returns interval
language sql immutable parallel safe
return interval '50 seconds';
