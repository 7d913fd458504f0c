-- note_weeks: notes in kronos.history_weeks the weeks of the ids of finished executions, given by their
-- columns: under each subject and status (notes_of) at most the first two executions. So a week with one note
-- had one execution, and a list knows it without reading the week.
-- Waits for no lock, with one exception. Concurrent statements may each note the same week. Notes of long ago
-- that retention is just removing (forget_notes) do not count, and the others are locked until this
-- transaction ends. So a row that arrives too late for retention to see it is noted. If such a note is the
-- row's own (the execution ended before and was resumed), this waits for retention and writes the note again;
-- the session with those locks waits for none.
-- Each note is read by its key, in a subquery with a limit, so that the planner cannot turn it into a join
-- that reads all notes.
create or replace function kronos.note_weeks(p_workspace_ids uuid[], p_execution_ids uuid[],
                                             p_subject_ids uuid[], p_statuses text[], p_are_odd boolean[])
returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
-- arrays of one element would be planned for at each call, which costs three times the rest
set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
declare
    v_week constant date := date_trunc('week', kronos.now() at time zone 'UTC')::date;
begin
    insert into kronos.history_weeks (workspace_id, subject_id, status, week, execution_id)
    select fresh.workspace_id, fresh.subject_id, fresh.status, fresh.week, fresh.execution_id
      from (select finished.workspace_id, note.subject_id, note.status, id.week, finished.execution_id,
                   row_number() over (partition by note.subject_id, note.status, id.week) as nth
              from unnest(p_workspace_ids, p_execution_ids, p_subject_ids, p_statuses, p_are_odd)
                       as finished (workspace_id, execution_id, subject_id, status, is_odd)
             cross join lateral (select date_trunc('week', kronos.uuid7_time(finished.execution_id)
                                                           at time zone 'UTC')::date as week) as id
             cross join lateral kronos.notes_of(finished.workspace_id, finished.subject_id, finished.status,
                                                finished.is_odd) as note) as fresh
     where fresh.nth <= 2
       and 2 > case when fresh.week >= v_week - 14
                    then (select count(*)
                            from (select
                                    from kronos.history_weeks as noted
                                   where noted.subject_id = fresh.subject_id
                                     and noted.status = fresh.status
                                     and noted.week = fresh.week
                                   limit 2) as first_two)
                    else (select count(*)
                            from (select
                                    from kronos.history_weeks as noted
                                   where noted.subject_id = fresh.subject_id
                                     and noted.status = fresh.status
                                     and noted.week = fresh.week
                                   limit 2
                                     for key share skip locked) as first_two)
               end
        on conflict (subject_id, status, week, execution_id) do update
            set workspace_id = excluded.workspace_id;
end
$$;
