-- begin_steps: a deletion's first steps, in the transaction that begins it. It deletes up to 5,000 endpoints
-- (17 us each), so that a session about to create something for one has committed or finds it deleted
-- (require_live_endpoint); removes pg_cron entries until p_until; and asks deliveries under way to end. It
-- waits for a lock at most half a second; the operation does what is left.
-- Returns: the deletion's progress.
create or replace function kronos.begin_steps(p_deletion kronos.deletions, p_until timestamptz)
returns kronos.deletions
language plpgsql volatile set search_path = pg_catalog, pg_temp set lock_timeout = '500ms'
as $$
declare
    v_deletion kronos.deletions := p_deletion;
begin
    begin
        with present as (
            select endpoint.endpoint_id from kronos.endpoints as endpoint
             where endpoint.workspace_id = v_deletion.deleted_id and endpoint.deleted_at is null
             order by endpoint.endpoint_id
             limit 5000
               for update
        )
        update kronos.endpoints as endpoint
           set deleted_at = kronos.now()
          from present
         where endpoint.endpoint_id = present.endpoint_id;
    exception when lock_not_available or deadlock_detected then
        null;      -- delete_executions deletes them
    end;
    begin
        while v_deletion.phase = 'ENTRIES' and kronos.clock() < p_until loop
            v_deletion := kronos.delete_entries(v_deletion, 500);
        end loop;
    exception when lock_not_available or deadlock_detected then
        v_deletion := p_deletion;
    end;
    begin
        perform kronos.end_claimed(v_deletion.deleted_id);
    exception when lock_not_available or deadlock_detected then
        null;      -- delete_executions asks again
    end;
    return v_deletion;
end
$$;
