-- split_cron: the fields of a text that cron_text gave, however many; ? alone in a day field, Quartz's word
-- for *, becomes *.
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
