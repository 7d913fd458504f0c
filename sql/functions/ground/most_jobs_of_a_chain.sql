-- most_jobs_of_a_chain: the maximum length of a chain of jobs, each of which is run by the one before.
create or replace function kronos.most_jobs_of_a_chain() returns integer
language sql immutable parallel safe
return 10;
