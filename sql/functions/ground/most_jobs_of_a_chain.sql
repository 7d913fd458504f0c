-- most_jobs_of_a_chain: no chain of jobs, each of which is run by the one before, is longer.
create or replace function kronos.most_jobs_of_a_chain() returns integer
language sql immutable parallel safe
return 10;
