-- queue_notifications: creates the deliveries of notifications that are due, up to p_limit (queue_each). Each
-- is a separate execution, a one-shot without a row in jobs, like a callback's (queue_callbacks). They do not
-- count toward the workspace's executions per day, so that a workspace that has used those up is still
-- notified.
-- Returns: the number of deliveries created; workers are woken.
create or replace function kronos.queue_notifications(p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
begin
    return kronos.queue_each(array(select note.execution_id
                                     from kronos.alert_notifications as note
                                    where note.due_at <= kronos.now()
                                    order by note.due_at
                                    limit p_limit
                                      for update skip locked));
end
$$;
