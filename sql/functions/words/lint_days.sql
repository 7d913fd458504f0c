-- lint_days: report days that only some months have, and the effect of both day fields together. p_fields are
-- the five texts of p_schedule.
create or replace function kronos.lint_days(p_fields text[], p_schedule kronos.schedule) returns text[]
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_every_day constant bigint := 4294967294;     -- bits 1-31
    c_names     constant text[] :=
        '{January,February,March,April,May,June,July,August,September,October,November,December}'::text[];
    v_is_any_day     boolean := (p_schedule.days & c_every_day) = c_every_day;
    v_is_any_weekday boolean := p_schedule.weekdays = 127;
    v_star    text := case when starts_with(p_fields[3], '*')
                           then format('%s in the day of month field', p_fields[3])
                           else format('%s in the weekday field', p_fields[5]) end;
    v_missing integer;
    v_is_near boolean;
    v_lints   text[] := '{}'::text[];
begin
    for v_day in 29..31 loop
        -- Reported if the day stands by itself, or begins a range, as in 30-2. 25-31 means the end of the
        -- month, whichever day that is.
        continue when p_fields[3] !~ '(29|30|31)' or not exists (
            select from regexp_split_to_table(p_fields[3], ',') as item,
                        regexp_match(item, '^(29|30|31)(?:-(\d+))?(?:[wW]|$)') as part
             where v_day between part[1]::integer
                             and case when part[2]::integer < part[1]::integer then 31
                                      else coalesce(part[2], part[1])::integer end
        );
        v_is_near := (p_schedule.nearest_days >> v_day) & 1 = 1;
        -- February, April, June, September, November
        v_missing := p_schedule.months & case v_day when 31 then 2644 else 4 end;
        continue when v_missing = 0;
        v_lints := v_lints || concat(
            case v_day
                when 29
                    then 'February has a day 29 only in leap years: in other years it does not run then'
                else format('day %s does not exist in %s: it does not run then',
                            v_day, kronos.english_list(kronos.cron_values(v_missing), c_names))
            end,
            case
                when p_schedule.months = 4 then null
                when v_is_near then '; LW is the last weekday (Monday through Friday) of every month'
                else '; $ is the last day of every month'
            end
        );
    end loop;
    if not v_is_any_day and not v_is_any_weekday and not p_schedule.both_days then
        v_lints := v_lints || format(
            'day of month and weekday are both given, and either is enough: it runs%s; for a weekday '
            'of a certain week write 1#1, the first Monday',
            kronos.describe_days(p_schedule, '')
        );
    elsif not v_is_any_day and not v_is_any_weekday then
        v_lints := v_lints || format('%s begins with *, so both day fields have to match: it runs%s',
                                     v_star, kronos.describe_days(p_schedule, ''));
    elsif not p_schedule.both_days and v_is_any_day <> v_is_any_weekday then
        v_lints := v_lints || format(
            '%s in the %s field is every day, and either of the two day fields is enough: it runs every '
            'day; with * in its place the other field decides',
            case when v_is_any_day then p_fields[3] else p_fields[5] end,
            case when v_is_any_day then 'day of month' else 'weekday' end
        );
    end if;
    return v_lints;
end
$$;
