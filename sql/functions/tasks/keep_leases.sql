-- keep_leases: the task of the internal job lease-keeper. Executions that dead workers held continue, even if
-- no worker is left to notice. Runs every minute.
-- It also scans everything that waits for a claim, and records the time before which nothing waits. Queries
-- for how long something has waited begin there, and read nothing of what was delivered earlier while another
-- session reads in an old snapshot. An execution that comes to wait before that time, such as a run from a
-- long transaction, is seen by that query a minute later. If more than 10,000 endpoints have something to
-- claim, it records nothing.
-- If another part of upkeep fails, leases are ended all the same, and the error is in the output.
-- Returns: counts, the execution's output.
create or replace function kronos.keep_leases() returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_counts    record;
    v_endpoints integer;
    v_oldest    timestamptz;
    v_error     jsonb;
begin
    begin
        select * into v_counts from kronos.upkeep(10000);
    exception when others then      -- reported in the output
        v_error := jsonb_build_object('task', 'upkeep', 'type', sqlstate, 'message', sqlerrm);
        select expired.requeued, expired.failed into v_counts
          from kronos.expire_leases(10000, '-infinity') as expired;
    end;
    if v_counts.requeued > 0 then
        perform pg_notify('kronos_work', '');
    end if;
    select count(*), min(waiting.due_at) into v_endpoints, v_oldest
      from kronos.waiting_endpoints('infinity', 10000) as waiting;
    update kronos.heartbeats as beat
       set waiting_from = case when v_endpoints < 10000
                               then least(v_oldest, kronos.now() - interval '3 minutes')
                               else '-infinity' end
     where beat.job_id = (select job.job_id
                            from kronos.jobs as job
                            join kronos.heartbeats using (job_id)
                           where job.name = 'lease-keeper');
    return jsonb_strip_nulls(to_jsonb(v_counts))
           || case when v_error is null then '{}'
                   else jsonb_build_object('errors', jsonb_build_array(v_error)) end;
end
$$;
