-- forget_notes: delete up to p_limit late days and up to p_limit weeks of history that is gone: no row is
-- kept whose id is from a day before the oldest one.
-- A session that stores a row with such an id meanwhile notes its day and week as well, or finds both noted.
-- So the notes are locked first, except those that a session has just found. Then the oldest day is
-- determined in a new snapshot: it sees rows that were stored before the locks, and rows that are stored
-- later do not rely on the locked notes (note_weeks). A session that stores a row of the last two weeks
-- locks no notes that it finds, so notes of the last four weeks are kept, whatever is left of them.
-- It waits for no session, because sessions wait for its locks.
-- Returns: how many.
create or replace function kronos.forget_notes(p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_recent constant date :=
        date_trunc('week', kronos.now() at time zone 'UTC')::date - 21;      -- note_weeks: 14
    v_day   date := least(kronos.oldest_day(), v_recent);
    v_days  tid[];
    v_weeks tid[];
    v_late  bigint := 0;
    v_noted bigint := 0;
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
        get diagnostics v_late = row_count;
        delete from kronos.history_weeks where ctid = any (v_weeks) and week < v_day - 6;
        get diagnostics v_noted = row_count;
    end if;
    return v_late + v_noted;
end
$$;
