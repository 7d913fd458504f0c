-- split_cron: splits a text returned by cron_text into its fields, however many. A lone ? in a day field,
-- Quartz's form of *, becomes *.
create or replace function kronos.split_cron(p_text text) returns text[]
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_fields text[] := regexp_split_to_array(nullif(p_text, ''), '[ \t]+');
begin
    if v_fields[3] = '?' then
        v_fields[3] := '*';
    end if;
    if v_fields[5] = '?' then
        v_fields[5] := '*';
    end if;
    return v_fields;
end
$$;
