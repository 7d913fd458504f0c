-- every_advice: an interval as the member of a job: "every": "90m".
-- Returns: null if parse_interval and parse_calendar_interval would reject it: longer than 366 days, not in
-- whole minutes, seconds at which this pg_cron cannot ring, or more than ten years.
create or replace function kronos.every_advice(p_every text) returns text
language plpgsql stable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    c_units constant text :=
        '^(?:([0-9]{1,4})w)?(?:([0-9]{1,5})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,8})m)?(?:([0-9]{1,9})s)?$';
    v_parts   constant numeric[] := regexp_match(nullif(p_every, ''), c_units)::numeric[];
    v_version constant text :=
        (select extension.extversion from pg_extension as extension where extension.extname = 'pg_cron');
    v_months  constant numeric := coalesce(substring(p_every from '^([0-9]{1,4})y')::numeric, 0) * 12
                                + coalesce(substring(p_every from '([0-9]{1,5})mo$')::numeric, 0);
    v_seconds numeric;
begin
    if p_every ~ '^([0-9]{1,4}y)?([0-9]{1,5}mo)?$' and v_months between 1 and 120 then
        return format('"every": "%s"', p_every);
    end if;
    v_seconds :=
        coalesce(v_parts[1], 0) * 604800 + coalesce(v_parts[2], 0) * 86400 + coalesce(v_parts[3], 0) * 3600
               + coalesce(v_parts[4], 0) * 60 + coalesce(v_parts[5], 0);
    if v_seconds between 60 and 366 * 86400 and v_seconds % 60 = 0
    or v_seconds between 1 and 59
       and (regexp_match(v_version, '^(\d+)\.(\d+)'))::integer[] >= array[1, 5] then
        return format('"every": "%s"', p_every);
    end if;
    return null;
end
$$;
