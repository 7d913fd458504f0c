-- note_late_days: keeps kronos.late_days: where a finished execution was made more than an hour before or
-- after the time in its id (a run of missed ticks, a long pause, a backfill that takes days), the days of
-- both. Nearly every row is made at its id's time: then nothing is written. Once a statement. Most rows are
-- told by scheduled_at alone, which costs 0.2 us; a day is noted once, so writers do not meet.
create or replace function kronos.note_late_days() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select
                     from finished
                    where finished.cause in ('BACKFILL', 'MANUAL')
                       or get_byte(uuid_send(finished.execution_id), 6) >> 4 <> 7      -- an id that no function of ours made: it names no time
                       or finished.created_at not between '1970-01-01 00:00:00+00' and kronos.now() + interval '1 day'
                       or finished.scheduled_at not between greatest(finished.created_at, '0001-01-01 00:00:00+00') - interval '1 hour'
                                                         and least(finished.created_at, '9999-12-31 00:00:00+00') + interval '1 hour') then
        return null;
    end if;
    insert into kronos.late_days (workspace_id, id_day, created_day)
    select distinct late.workspace_id, late.id_day, late.created_day
      from (select finished.workspace_id, (kronos.uuid7_time(finished.execution_id) at time zone 'UTC')::date as id_day,
                   (finished.created_at at time zone 'UTC')::date as created_day
              from finished
             where finished.created_at not between kronos.uuid7_time(finished.execution_id) - interval '1 hour'
                                             and kronos.uuid7_time(finished.execution_id) + interval '1 hour') as late
     where case when late.id_day >= current_date - 14
                then not exists (select
                                   from kronos.late_days as noted
                                  where noted.workspace_id = late.workspace_id and noted.id_day = late.id_day and noted.created_day = late.created_day)
                else not exists (select      -- one that retention (retain_notes) is just forgetting is waited for
                                   from kronos.late_days as noted
                                  where noted.workspace_id = late.workspace_id and noted.id_day = late.id_day and noted.created_day = late.created_day
                                    for key share)
           end
     order by 1, 2, 3
        on conflict (workspace_id, id_day, created_day) do nothing;
    return null;
end
$$;
create or replace trigger execution_done_notes_late_days
    after insert on kronos.execution_done referencing new table as finished
    for each statement execute function kronos.note_late_days();
-- By hand: nothing of ours changes what has finished.
create or replace trigger execution_done_notes_late_days_anew
    after update on kronos.execution_done referencing new table as finished
    for each statement execute function kronos.note_late_days();
