-- note_finished: maintains kronos.history_weeks and kronos.late_days, which tell where to look for finished
-- executions. Runs once per statement. Waits for no lock, with the one exception of note_weeks: a note's key
-- contains the execution that created it, so no other transaction writes the same note. Otherwise two
-- transactions that write notes in different orders would deadlock.
-- history_weeks: the weeks of ids in which a workspace, a version of a CRON job, or an endpoint (for
-- one-shots that are their executions) had finished executions of a status (note_weeks). Odd executions
-- (is_odd) are also noted as ODD. Other one-shots' executions are found by their job, and no week is noted
-- for them. late_days: if an execution was created more than an hour before or after the time in its id, the
-- days of both (note_late_days).
-- Also reports ended executions to listeners (note_live) and, in workspaces with alert rules, to
-- evaluate_alerts (note_ends).
-- Only the statements of this function see the rows that finished, so it gives the functions that write what
-- they need of them. Nearly every statement finds nothing to write, in one pass over its rows, 2 us per row:
-- most ids are of this week, which two comparisons show, and most rows were created at their id's time. Each
-- note is read by its key, in a subquery with a limit, so that the planner cannot turn it into a join that
-- reads all notes.
create or replace function kronos.note_finished() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
declare
    v_week constant date := date_trunc('week', kronos.now() at time zone 'UTC')::date;
    v_from constant uuid := kronos.uuid7_floor(v_week::timestamp at time zone 'UTC');
    v_to   constant uuid := kronos.uuid7_floor((v_week + 7)::timestamp at time zone 'UTC');
    v_is_new      boolean;
    v_may_be_late boolean;
begin
    if kronos.is_watched() then
        perform kronos.note_live('execution', 'finished', array_agg(finished.workspace_id),
                                 array_agg(finished.execution_id))
           from finished
         having count(*) > 0;
    end if;
    if kronos.is_alerted() then
        perform kronos.note_ends(array_agg(finished.workspace_id), array_agg(finished.job_id),
                                 array_agg(finished.execution_id), array_agg(finished.endpoint_id),
                                 array_agg(finished.cause), array_agg(finished.status),
                                 array_agg(finished.run_at), array_agg(finished.started_at),
                                 array_agg(finished.completed_at))
           from finished;
    end if;
    select bool_or(found.may_be_late),
           bool_or(not found.is_of_this_week
                   or (select true
                         from kronos.history_weeks as noted
                        where noted.subject_id = note.subject_id
                          and noted.status = note.status
                          and noted.week = v_week
                       offset 1
                        limit 1) is null)
      into v_may_be_late, v_is_new
      from (select finished.workspace_id, finished.status,
                   kronos.noted_subject(finished.cause, finished.job_id, finished.execution_id,
                                        finished.endpoint_id) as subject_id,
                   finished.execution_id >= v_from and finished.execution_id < v_to as is_of_this_week,
                   bool_or(kronos.is_odd(finished.created_at, finished.scheduled_at)) as has_odd,
                   bool_or(kronos.may_be_late(finished.cause, finished.execution_id, finished.created_at,
                                              finished.scheduled_at)) as may_be_late
              from finished
             group by 1, 2, 3, 4) as found
     cross join lateral kronos.notes_of(found.workspace_id, found.subject_id, found.status,
                                        found.has_odd) as note;
    if v_is_new then
        perform kronos.note_weeks(array_agg(finished.workspace_id), array_agg(finished.execution_id),
                                  array_agg(kronos.noted_subject(finished.cause, finished.job_id,
                                                                 finished.execution_id,
                                                                 finished.endpoint_id)),
                                  array_agg(finished.status),
                                  array_agg(kronos.is_odd(finished.created_at, finished.scheduled_at)))
           from finished;
    end if;
    if v_may_be_late then
        perform kronos.note_late_days(array_agg(finished.workspace_id), array_agg(finished.execution_id),
                                      array_agg(finished.created_at))
           from finished
          where kronos.is_created_late(finished.execution_id, finished.created_at)
         having count(*) > 0;
    end if;
    return null;
end
$$;
create or replace trigger execution_done_notes_finished
    after insert on kronos.execution_done referencing new table as finished
    for each statement execute function kronos.note_finished();
-- For manual changes: Kronos itself changes only the status_reason of finished executions.
create or replace trigger execution_done_notes_finished_anew
    after update on kronos.execution_done referencing new table as finished
    for each statement execute function kronos.note_finished();
