-- note_dead_letters: records executions that FAILED as dead letters, in the same transaction, whatever ended
-- them. Kronos's own jobs are excluded, because they run again by themselves. So are tests of endpoints: the
-- caller has the result, and the test is not to be sent again. If nothing failed there is nothing to do.
create or replace function kronos.note_dead_letters() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from finished where finished.status = 'FAILED') then
        return null;
    end if;
    insert into kronos.dead_letters (execution_id, workspace_id, endpoint_id, job_id, first_version_id,
                                     failed_at, error_type, message)
    select finished.execution_id, finished.workspace_id, finished.endpoint_id, finished.job_id,
           coalesce((select job.first_version_id from kronos.jobs as job where job.job_id = finished.job_id),
                    finished.job_id),
           finished.completed_at, left(finished.error ->> 'type', 100),
           left(finished.error ->> 'message', 300)
      from finished
     where finished.status = 'FAILED'
       and not kronos.is_test(finished.execution_id)
       and (select endpoint.type
              from kronos.endpoints as endpoint
             where endpoint.endpoint_id = finished.endpoint_id) <> 'INTERNAL'
     order by finished.execution_id
        on conflict (execution_id) do nothing;
    return null;
end
$$;
create or replace trigger execution_done_notes_dead_letters
    after insert on kronos.execution_done referencing new table as finished
    for each statement execute function kronos.note_dead_letters();
