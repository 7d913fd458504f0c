-- note_alarm: records for settle_alarms that the transaction gives an alarm a job (p_sign +) or takes one
-- away (-). With * or ~ it does so while no caller waits for an answer, so an error from pg_cron must stop
-- nothing else. Of each pair the last note for an alarm counts; a transaction may both give and take.
-- Stored in a setting of the transaction, so a rollback to a savepoint also undoes the notes.
create or replace function kronos.note_alarm(p_sign text, p_alarm text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_noted text := coalesce(nullif(current_setting('kronos.alarms_noted', true), ''), e'\n');
    v_other text;
begin
    if p_alarm is null or position(e'\n' || p_sign || p_alarm || e'\n' in v_noted) > 0 then
        return;
    end if;
    foreach v_other in array case when p_sign in ('+', '*') then '{+,*}'::text[] else '{-,~}'::text[] end loop
        v_noted := replace(v_noted, e'\n' || v_other || p_alarm || e'\n', e'\n');
    end loop;
    perform set_config('kronos.alarms_noted', v_noted || p_sign || p_alarm || e'\n', true);
end
$$;
