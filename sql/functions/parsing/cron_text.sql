-- cron_text: a cron text without the blanks and line ends around it, and in place of a macro the five fields
-- that it stands for.
-- Returns: null for a macro that is not known.
create or replace function kronos.cron_text(p_cron text) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    -- A text from a file ends with a line feed, one from Windows with two characters.
    v_text constant text := btrim(p_cron, e' \t\r\n');
begin
    if not starts_with(v_text, '@') then
        return v_text;
    end if;
    return case v_text
        when '@hourly'   then '0 * * * *'
        when '@daily'    then '0 0 * * *'
        when '@midnight' then '0 0 * * *'
        when '@weekly'   then '0 0 * * 0'
        when '@monthly'  then '0 0 1 * *'
        when '@yearly'   then '0 0 1 1 *'
        when '@annually' then '0 0 1 1 *'
    end;
end
$$;
