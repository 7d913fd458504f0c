-- note_alarm: notes for settle_alarms that the transaction gives an alarm a job (p_sign +; * where an alarm
-- that pg_cron cannot read is to stop nothing else), or takes one away (-). The last word for an alarm
-- holds. In a setting of the transaction: what is rolled back to a savepoint is forgotten with it.
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
    foreach v_other in array '{+,*,-}'::text[] loop
        v_noted := replace(v_noted, e'\n' || v_other || p_alarm || e'\n', e'\n');
    end loop;
    perform set_config('kronos.alarms_noted', v_noted || p_sign || p_alarm || e'\n', true);
end
$$;
