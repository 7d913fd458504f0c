-- require_calendars: requires that the calendars a job names exist, and keeps them as long as the transaction
-- lasts: a session that deletes one waits, and then finds the job. The description of a version says what its
-- calendars do.
-- Raises: KR046 if one does not exist.
create or replace function kronos.require_calendars() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    v_name text;
begin
    foreach v_name in array new.calendars loop
        perform from kronos.calendars as calendar
          where calendar.workspace_id = new.workspace_id and calendar.name = v_name
            for share;
        if not found then
            raise sqlstate 'KR046' using
                message = format('no calendar %s in this workspace', to_jsonb(v_name));
        end if;
    end loop;
    if tg_op = 'INSERT' then
        new.description := new.description || kronos.describe_calendars(new.calendars, new.on_blackout);
    end if;
    return new;
end
$$;
create or replace trigger jobs_name_calendars
    before insert or update of calendars on kronos.jobs
    for each row when (new.calendars <> '{}') execute function kronos.require_calendars();
