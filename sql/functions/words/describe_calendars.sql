-- describe_calendars: the effect of calendars on a schedule, in words that follow its description; '' if it
-- has no calendars.
create or replace function kronos.describe_calendars(p_calendars text[], p_on_blackout text) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select case when p_calendars = '{}' then ''
                else case p_on_blackout
                          when 'SKIP'     then ', but not when the calendar '
                          when 'NEXT'     then ', on the next open day when the calendar '
                          when 'PREVIOUS' then ', on the previous open day when the calendar ' end
                     || kronos.english_join(p_calendars, 'or')
                     || ' closes it' end
$$;
