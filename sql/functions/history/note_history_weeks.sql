-- note_history_weeks: keeps kronos.history_weeks: the weeks in whose ids a workspace and a CRON job's version
-- have had finished executions of a status, and an endpoint one-shots without a row in kronos.jobs. A row is
-- written once a week for each, so nearly every execution writes none. A one-shot's execution is found by its
-- job, and notes no week of it. The trigger calls it once a statement. It waits for nobody: two that finish
-- at once may both note a week.
create or replace function kronos.note_history_weeks() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off
as $$
begin
    if not exists (select from finished) then
        return null;
    end if;
    insert into kronos.history_weeks (workspace_id, subject_id, status, week, execution_id)
    select fresh.workspace_id, fresh.subject_id, fresh.status, fresh.week, fresh.execution_id
      from (select distinct on (subject.subject_id, finished.status, id.week) finished.workspace_id, subject.subject_id, finished.status, id.week,
                   finished.execution_id
              from finished
             cross join lateral (select date_trunc('week', kronos.uuid7_time(finished.execution_id) at time zone 'UTC')::date as week) as id
             cross join lateral (values (finished.workspace_id), (case when finished.cause <> 'API' then finished.job_id
                                                                     when finished.job_id = finished.execution_id then finished.endpoint_id
                                                                end)) as subject (subject_id)
             where subject.subject_id is not null
             order by subject.subject_id, finished.status, id.week) as fresh
     where not exists (select
                         from kronos.history_weeks as noted
                        where noted.subject_id = fresh.subject_id and noted.status = fresh.status and noted.week = fresh.week)
        on conflict (subject_id, status, week, execution_id) do nothing;
    return null;
end
$$;
create or replace trigger execution_done_notes_history_weeks
    after insert on kronos.execution_done referencing new table as finished
    for each statement execute function kronos.note_history_weeks();
-- By hand: nothing of ours changes what has finished.
create or replace trigger execution_done_notes_history_weeks_anew
    after update on kronos.execution_done referencing new table as finished
    for each statement execute function kronos.note_history_weeks();
