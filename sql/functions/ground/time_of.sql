-- time_of: the instant that a text of a row's document names.
-- Returns: null where it names none: a document may hold anything.
create or replace function kronos.time_of(p_text text) returns timestamptz
language plpgsql stable strict parallel restricted set search_path = pg_catalog, pg_temp
as $$
begin
    return p_text::timestamptz;
exception when data_exception then
    return null;
end
$$;
