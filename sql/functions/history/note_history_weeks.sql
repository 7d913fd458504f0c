-- note_history_weeks: keeps kronos.history_weeks: the weeks in whose ids a workspace and a CRON job's version
-- have had finished executions of a status, by the first two of them: so a week with one note had one
-- execution, and a list knows it without a look. So nearly every execution writes none. A one-shot's
-- execution is found by its job, and notes no week of it. What is odd (is_odd) is noted as ODD besides. The
-- trigger calls it once a statement. It waits for nobody: of those that finish at once each may note a week.
-- Retention forgets weeks of which nothing is left (retain_remains). Of a week that is long past, notes that
-- it is just forgetting do not count, and the others are kept until we are done: so that the row, which came
-- too late to be seen by it, is noted.
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
      from (select finished.workspace_id, subject.subject_id, kind.status, id.week, finished.execution_id,
                   row_number() over (partition by subject.subject_id, kind.status, id.week) as nth
              from finished
             cross join lateral (select date_trunc('week', kronos.uuid7_time(finished.execution_id) at time zone 'UTC')::date as week) as id
             cross join lateral (values (finished.workspace_id), (case when finished.cause <> 'API' then finished.job_id end)) as subject (subject_id)
             cross join lateral (values (finished.status), (case when kronos.is_odd(finished.created_at, finished.scheduled_at) then 'ODD' end)) as kind (status)
             where subject.subject_id is not null and kind.status is not null) as fresh
     where fresh.nth <= 2
       and 2 > case when fresh.week >= current_date - 14
                    then (select count(*)
                            from (select
                                    from kronos.history_weeks as noted
                                   where noted.subject_id = fresh.subject_id and noted.status = fresh.status and noted.week = fresh.week
                                   limit 2) as first_two)
                    else (select count(*)
                            from (select
                                    from kronos.history_weeks as noted
                                   where noted.subject_id = fresh.subject_id and noted.status = fresh.status and noted.week = fresh.week
                                   limit 2
                                     for key share skip locked) as first_two)
               end
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
