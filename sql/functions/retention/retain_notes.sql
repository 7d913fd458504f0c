-- retain_notes: forgets the late days and the weeks of history that is gone, up to p_limit of each: nothing
-- is kept whose id is of a day before the oldest. Who stores a row of such an id meanwhile notes its day and
-- its week with it, or finds both noted. So they are locked first, those that somebody has found just now
-- excepted, and then the oldest is looked for, in a new snapshot: what came before the locks is seen by it,
-- and what comes later does not count on what is locked (note_finished). Who stores a row of these two weeks
-- locks no note that it finds: those of the last four are kept, whatever is left of them. Of callbacks whose
-- executions went with a partition the links go here; those of others go with their rows (sweep_executions).
create or replace function kronos.retain_notes(p_limit integer) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_recent constant date :=
        date_trunc('week', kronos.now() at time zone 'UTC')::date - 21;      -- note_finished: 14
    v_day   date := least(kronos.oldest_day(), v_recent);
    v_days  tid[];
    v_weeks tid[];
    v_floor uuid;
begin
    v_days := array(select late.ctid
                      from kronos.late_days as late
                     where late.id_day < v_day
                     limit p_limit
                       for update skip locked);
    v_weeks := array(select noted.ctid
                       from kronos.history_weeks as noted
                      where noted.week < v_day - 6
                      order by noted.week
                      limit p_limit
                        for update skip locked);
    if v_days <> '{}' or v_weeks <> '{}' then
        v_day := least(kronos.oldest_day(), v_recent);
        delete from kronos.late_days where ctid = any (v_days) and id_day < v_day;
        delete from kronos.history_weeks where ctid = any (v_weeks) and week < v_day - 6;
    end if;
    v_floor := kronos.uuid7_floor(v_day::timestamp at time zone 'UTC');
    delete from kronos.callbacks
     where execution_id = any (array(select made.execution_id
                                       from kronos.callbacks as made
                                      where made.execution_id < v_floor and made.due_at is null
                                      order by made.execution_id
                                      limit p_limit));
end
$$;
