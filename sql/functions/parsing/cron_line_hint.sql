-- cron_line_hint: the hint for a text of more than five fields: to remove a comment, a command, seconds or
-- years.
-- Returns: null if no five consecutive fields of it are a schedule.
create or replace function kronos.cron_line_hint(p_text text) returns text
language plpgsql stable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_fields constant text[]  := regexp_split_to_array(p_text, '[ \t]+');
    v_count  constant integer := cardinality(v_fields);
    v_first  constant text    := array_to_string(v_fields[:5], ' ');
    v_second constant text    := array_to_string(v_fields[2:6], ' ');
    v_years  constant boolean := v_fields[v_count] ~ '^(\*|\?|(19|20)[0-9]{2}([-,/][0-9]+)*)$';
    -- In Quartz and AWS, which have ?, Sunday is 1. First for the sixth field as weekday, then for the fifth.
    v_sunday constant text[]  := array(
        select case when p_text like '%?%' and weekday ~ '^[1-7]([-,#Ll/]|$)'
                    then ' instead; if 1 is Sunday, as in Quartz, use names for weekdays: sun, mon.'
                    else ' instead.' end
          from unnest(array[v_fields[6], v_fields[5]]) with ordinality as given (weekday, n)
         order by n
    );
begin
    if v_count < 6 then
        return null;
    elsif v_fields[6] like '#%' and kronos.is_cron(v_first) then
        return 'Remove the comment: write ' || v_first || ' instead.';
    elsif v_count = 7 and v_years and kronos.is_cron(v_second) then
        return 'Remove the first field, the seconds, and the last, the years: write '
               || v_second || v_sunday[1];
    elsif v_count = 6 and v_fields[1] ~ '^[0-9*?,/-]+$' and kronos.is_cron(v_second) then
        return case
            when v_fields[1] ~ '^0{1,2}$'
                then 'Remove the first field, the seconds: write ' || v_second || v_sunday[1]
            when v_fields[1] !~ '[*/]' and v_years and kronos.is_cron(v_first)
                then format('If the first field is seconds, write %s; if the last is years, write %s '
                            'instead.',
                            v_second, v_first)
            else kronos.cron_seconds_hint(v_fields[1], v_second) || v_sunday[1]
        end;
    elsif kronos.is_cron(v_first) then
        return case
            when v_count = 6 and v_years
                then 'Remove the last field, the years: write ' || v_first || v_sunday[2]
                 || case when v_fields[6] ~ '[0-9]' then ' "starts_at" and "ends_at" limit a job.' else '' end
            else format('Remove the text after the five fields; a job calls its endpoint, not a command: '
                        'write %s instead.', v_first)
        end;
    end if;
    return null;
end
$$;
