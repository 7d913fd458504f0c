-- note_finished: maintains kronos.history_weeks and kronos.late_days, which tell where to look for finished
-- executions. Runs once per statement. Waits for no lock, with the one exception below: a note's key contains
-- the execution that created it, so no other transaction writes the same note. Otherwise two transactions
-- that write notes in different orders would deadlock.
-- history_weeks: the weeks of ids in which a workspace, a version of a CRON job, or an endpoint (for
-- one-shots that are their executions) had finished executions of a status. At most the first two executions
-- are noted: a week with one note had one execution, so a list knows it without reading the week. Other
-- one-shots' executions are found by their job, and no week is noted for them. Odd executions (is_odd) are
-- also noted as ODD.
-- late_days: if an execution was created more than an hour before or after the time in its id (a run of
-- missed ticks, a long pause, a backfill that takes days), the days of both.
-- Concurrent statements may each note the same week or days. Retention removes notes of which nothing is left
-- (forget_notes). For rows of long ago, notes that it is just removing do not count, and the others are
-- locked until this transaction ends. So a row that arrives too late for retention to see it is noted. If
-- such a note is the row's own (the execution ended before and was resumed), this waits for retention and
-- writes the note again; the session with those locks waits for none.
-- Also reports ended executions to listeners (note_live) and, in workspaces with alert rules, to
-- evaluate_alerts, which saves a trigger. Excluded there are executions of backfills, which report their own
-- outcome, and tests of an endpoint. For an execution that never began, the delay is up to its end.
-- Nearly every statement finds nothing to write, in one pass over its rows, 2 us per row: most ids are of
-- this week, which two comparisons show, and most rows were created at their id's time, which scheduled_at
-- shows. Each note is read by its key, in a subquery with a limit, so that the planner cannot turn it into a
-- join that reads all notes.
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
        insert into kronos.alert_ends (workspace_id, subject_ids, execution_ids, endpoint_ids, statuses,
                                       late_seconds, ran_seconds, ended_at)
        select rule.workspace_id, array_agg(finished.job_id), array_agg(finished.execution_id),
               array_agg(finished.endpoint_id), array_agg(finished.status),
               array_agg(kronos.whole_seconds(finished.run_at,
                                              coalesce(finished.started_at, finished.completed_at))),
               array_agg(kronos.whole_seconds(finished.started_at, finished.completed_at)), kronos.now()
          from (select distinct each.workspace_id
                  from kronos.alert_rules as each
                 where each.is_enabled
                   and each.workspace_id = any (array(select finished.workspace_id from finished))) as rule
          join finished on finished.workspace_id = rule.workspace_id
         where finished.status in ('SUCCESS', 'FAILED', 'EXPIRED', 'MISSED')
           and finished.cause <> 'BACKFILL'
           and not kronos.is_test(finished.execution_id)
         group by rule.workspace_id;
    end if;
    select bool_or(found.may_be_late),
           bool_or(not found.is_of_this_week
                   or (select true
                         from kronos.history_weeks as noted
                        where noted.subject_id = kind.subject_id
                          and noted.status = kind.status
                          and noted.week = v_week
                       offset 1
                        limit 1) is null)
      into v_may_be_late, v_is_new
      from (select finished.workspace_id, finished.status,
                   case when finished.cause <> 'API'                 then finished.job_id
                        when finished.job_id = finished.execution_id then finished.endpoint_id
                   end as subject_id,
                   finished.execution_id >= v_from and finished.execution_id < v_to as is_of_this_week,
                   bool_or(kronos.is_odd(finished.created_at, finished.scheduled_at)) as has_odd,
                   bool_or(finished.cause in ('BACKFILL', 'MANUAL')
                           -- an id that is not ours: it contains no time
                           or get_byte(uuid_send(finished.execution_id), 6) >> 4 <> 7
                           or finished.created_at not between '1970-01-01 00:00:00+00' and kronos.now()
                              + interval '1 day'
                           or finished.scheduled_at not between greatest(finished.created_at,
                                                                         '0001-01-01 00:00:00+00')
                                                                - interval '1 hour'
                                                            and least(finished.created_at,
                                                                      '9999-12-31 00:00:00+00')
                                                                + interval '1 hour') as may_be_late
              from finished
             group by 1, 2, 3, 4) as found
     cross join lateral (values (found.workspace_id, found.status),
                                (found.subject_id, found.status),
                                (found.workspace_id, case when found.has_odd then 'ODD' end),
                                (
                                    found.subject_id, case when found.has_odd then 'ODD' end
                                )) as kind (subject_id, status)
     where kind.subject_id is not null and kind.status is not null;
    if v_is_new then
        insert into kronos.history_weeks (workspace_id, subject_id, status, week, execution_id)
        select fresh.workspace_id, fresh.subject_id, fresh.status, fresh.week, fresh.execution_id
          from (select finished.workspace_id, subject.subject_id, kind.status, id.week, finished.execution_id,
                       row_number() over (partition by subject.subject_id, kind.status, id.week) as nth
                  from finished
                 cross join lateral (select date_trunc('week', kronos.uuid7_time(finished.execution_id)
                                                               at time zone 'UTC')::date as week) as id
                 cross join lateral (values (finished.workspace_id),
                                            (case when finished.cause <> 'API'
                                                  then finished.job_id
                                                  when finished.job_id = finished.execution_id
                                                      then finished.endpoint_id
                                             end)) as subject (subject_id)
                 cross join lateral (values (finished.status),
                                            (case when kronos.is_odd(finished.created_at,
                                                                     finished.scheduled_at)
                                                  then 'ODD'
                                             end)) as kind (status)
                 where subject.subject_id is not null and kind.status is not null) as fresh
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
    end if;
    if v_may_be_late then
        insert into kronos.late_days (workspace_id, id_day, created_day, execution_id)
        select distinct on (late.workspace_id, late.id_day, late.created_day)
               late.workspace_id, late.id_day, late.created_day, late.execution_id
          from (select finished.workspace_id, finished.execution_id,
                       (kronos.uuid7_time(finished.execution_id) at time zone 'UTC')::date as id_day,
                       (finished.created_at at time zone 'UTC')::date as created_day
                  from finished
                 where finished.created_at not between kronos.uuid7_time(finished.execution_id)
                       - interval '1 hour'
                                                 and kronos.uuid7_time(finished.execution_id)
                                                     + interval '1 hour') as late
         where case when late.id_day >= v_week - 14
                    then (select true
                            from kronos.late_days as noted
                           where noted.workspace_id = late.workspace_id
                             and noted.id_day = late.id_day
                             and noted.created_day = late.created_day
                           limit 1) is null
                    else (select true
                            from kronos.late_days as noted
                           where noted.workspace_id = late.workspace_id
                             and noted.id_day = late.id_day
                             and noted.created_day = late.created_day
                           limit 1
                             for key share skip locked) is null
               end
            on conflict (workspace_id, created_day, id_day, execution_id) do update
                set workspace_id = excluded.workspace_id;
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
