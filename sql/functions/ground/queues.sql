-- queues: the queues of execution_live_ready in which executions of an endpoint can wait: one per priority;
-- 11 is priority 0. Inlined, so that plans see the list.
create or replace function kronos.queues() returns integer[]
language sql immutable parallel safe
as $$
    select '{-10,-9,-8,-7,-6,-5,-4,-3,-2,-1,1,2,3,4,5,6,7,8,9,10,11}'::integer[]
$$;
