-- fault_rest: for so long other jobs' rings leave alone a job whose due ticks could not be accounted for
-- (has_just_failed); due_jobs and catch_up ask by it first whether there is any such job.
create or replace function kronos.fault_rest() returns interval
language sql immutable parallel safe
return interval '50 seconds';
