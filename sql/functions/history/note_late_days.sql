-- note_late_days: notes in kronos.late_days, for executions that are is_created_late, given by their columns,
-- the days of their ids and of their creation. Locks, and what it waits for: as note_weeks.
create or replace function kronos.note_late_days(p_workspace_ids uuid[], p_execution_ids uuid[],
                                                 p_created_at timestamptz[]) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
-- arrays of one element would be planned for at each call, which costs three times the rest
set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
declare
    v_week constant date := date_trunc('week', kronos.now() at time zone 'UTC')::date;
begin
    insert into kronos.late_days (workspace_id, id_day, created_day, execution_id)
    select distinct on (late.workspace_id, late.id_day, late.created_day)
           late.workspace_id, late.id_day, late.created_day, late.execution_id
      from (select finished.workspace_id, finished.execution_id,
                   (kronos.uuid7_time(finished.execution_id) at time zone 'UTC')::date as id_day,
                   (finished.created_at at time zone 'UTC')::date as created_day
              from unnest(p_workspace_ids, p_execution_ids, p_created_at)
                       as finished (workspace_id, execution_id, created_at)) as late
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
end
$$;
