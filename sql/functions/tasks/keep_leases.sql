-- keep_leases: the task of the internal job lease-keeper: what dead workers held goes on although no worker
-- is left to notice. It looks through all that waits for a claim as well, and notes from when on there is
-- any: who asks how long something has waited begins there, and reads nothing of what was delivered before
-- while another session reads in an old snapshot. What comes to wait before it, as a run of a transaction
-- that was long under way, is seen by that question a minute later. Of more than 10,000 endpoints with
-- something to claim it notes nothing. Where another part of upkeep fails, leases end all the same, and the
-- error is in the output. Runs every minute.   Returns: counts, the execution's output.
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
    exception when others then      -- told, in the output
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
