-- time_of: the instant in a text from a row's document.
-- Returns: null if the text is not an instant: a document may contain anything.
create or replace function kronos.time_of(p_text text) returns timestamptz
language plpgsql stable strict parallel restricted set search_path = pg_catalog, pg_temp
as $$
begin
    return p_text::timestamptz;
exception when data_exception then
    return null;
end
$$;
