-- note_partition: writes the notes for a partition of executions that was attached, for example restored from
-- a backup: the weeks and late days that triggers note for rows written one by one. Until then lists do not
-- read it. Reads the whole partition. Changes nothing if everything is noted already.
-- Returns: how many weeks it noted.
-- Raises: 22023 if there is no such partition.
create or replace function kronos.note_partition(p_partition text) returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan set jit = off
as $$
declare
    v_from uuid;
    v_to   uuid;
    v_made integer;
begin
    select each.from_id, each.to_id into v_from, v_to
      from kronos.partitions() as each where each.parent = 'execution_done' and each.partition = p_partition;
    if not found then
        raise exception 'kronos.execution_done has no partition %', p_partition
            using errcode = 'invalid_parameter_value',
                  hint = 'Attach it first; give its name without the schema.';
    end if;
    insert into kronos.history_weeks (workspace_id, subject_id, status, week, execution_id)
    select row.workspace_id, row.subject_id, row.status, row.week, row.execution_id
      from (select done.workspace_id, note.subject_id, note.status, id.week, done.execution_id,
                   row_number() over (partition by note.subject_id, note.status, id.week) as nth
              from kronos.execution_done as done
             cross join lateral (select date_trunc(
                                     'week', kronos.uuid7_time(done.execution_id) at time zone 'UTC'
                                 )::date as week) as id
             cross join lateral kronos.notes_of(done.workspace_id,
                                                kronos.noted_subject(done.cause, done.job_id,
                                                                     done.execution_id, done.endpoint_id),
                                                done.status,
                                                kronos.is_odd(done.created_at, done.scheduled_at)) as note
             where done.execution_id >= v_from and done.execution_id < v_to) as row
     where row.nth <= 2
        on conflict (subject_id, status, week, execution_id) do nothing;
    get diagnostics v_made = row_count;
    insert into kronos.late_days (workspace_id, id_day, created_day, execution_id)
    select distinct on (late.workspace_id, late.id_day, late.created_day)
           late.workspace_id, late.id_day, late.created_day, late.execution_id
      from (select done.workspace_id, done.execution_id,
                   (kronos.uuid7_time(done.execution_id) at time zone 'UTC')::date as id_day,
                   (done.created_at at time zone 'UTC')::date as created_day
              from kronos.execution_done as done
             where done.execution_id >= v_from and done.execution_id < v_to
               and kronos.is_created_late(done.execution_id, done.created_at)) as late
     where not exists (select
                         from kronos.late_days as noted
                        where noted.workspace_id = late.workspace_id
                          and noted.id_day = late.id_day
                          and noted.created_day = late.created_day)
        on conflict (workspace_id, created_day, id_day, execution_id) do nothing;
    return v_made;
end
$$;
