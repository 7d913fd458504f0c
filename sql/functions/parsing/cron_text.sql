-- cron_text: a cron text without surrounding blanks and line ends, and with a macro replaced by its five
-- fields.
-- Returns: null for an unknown macro.
create or replace function kronos.cron_text(p_cron text) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    -- A text from a file ends with a line feed, or on Windows with two characters.
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
