-- parse_interval: an interval in seconds. It is written as numbers with units, the largest unit first: "90m",
-- "1h30m", "45s", "2d", "1w".
-- Returns: whole minutes up to 366 days, or 1 to 59 seconds.
-- Raises: KR005 with a hint; with column => 'anchor' if p_anchor is the fault.
--
-- pg_cron rings at whole minutes and, from 1.5 on, at intervals of up to 59 seconds. No pg_cron entry can
-- follow intervals such as 90 s.
create or replace function kronos.parse_interval(p_every text, p_anchor timestamptz) returns integer
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_parts   numeric[];
    v_seconds numeric;
    v_version text;
begin
    if length(p_every) > 50
    or p_every !~ '^([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$'
    or p_every = '' then
        raise sqlstate 'KR005' using
            message = format('"%s" is not an interval', left(p_every, 50)),
            hint = kronos.interval_hint(p_every);
    end if;
    v_parts :=
        regexp_match(p_every, '^(?:([0-9]+)w)?(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?$');
    v_seconds :=
        coalesce(v_parts[1], 0) * 604800 + coalesce(v_parts[2], 0) * 86400 + coalesce(v_parts[3], 0) * 3600
               + coalesce(v_parts[4], 0) * 60 + coalesce(v_parts[5], 0);
    if v_seconds not between 1 and 366 * 86400 then
        raise sqlstate 'KR005' using
            message = format('interval "%s" is not between one second and 366 days', p_every),
            hint = case when v_seconds = 0 then 'Write 1m for every minute.'
                        else 'For dates that far apart write months or years, as in 1mo or 2y, or a cron '
                             'text with a month.' end;
    elsif v_seconds > 60 and v_seconds % 60 <> 0 then
        raise sqlstate 'KR005' using
            message = format('interval "%s" is longer than a minute but not in whole minutes', p_every),
            hint = format('Write %sm or %sm; in seconds, 1s to 59s are allowed.',
                          div(v_seconds, 60), div(v_seconds, 60) + 1);
    elsif v_seconds < 60 then
        v_version :=
            (select extension.extversion from pg_extension as extension where extension.extname = 'pg_cron');
        if coalesce((regexp_match(v_version, '^(\d+)\.(\d+)'))::integer[] < array[1, 5], true) then
            raise sqlstate 'KR005' using
                message = format('interval "%s": intervals shorter than a minute need pg_cron 1.5 or newer, '
                                 '%s',
                                 p_every,
                                 coalesce('this server has ' || v_version, 'this database has none')),
                hint = 'Write 1m, the shortest interval here, or update pg_cron.';
        end if;
    end if;
    if p_anchor is null
    or not isfinite(p_anchor)
    or p_anchor <> date_trunc(case when v_seconds < 60 then 'second' else 'minute' end, p_anchor, 'UTC') then
        raise sqlstate 'KR005' using
            column = 'anchor',
            message = format('the anchor of an interval of %s must be a whole %s, not %s',
                             p_every, case when v_seconds < 60 then 'second' else 'minute' end,
                             coalesce(to_char(p_anchor at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                                      'null')),
            hint = case
                when not isfinite(p_anchor) or p_anchor is null
                    then 'Write an instant, such as 2026-12-01T00:00:00Z.'
                else format('Write %s instead.',
                            to_char(date_trunc(case when v_seconds < 60 then 'second' else 'minute' end,
                                               p_anchor at time zone 'UTC'), 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
            end;
    end if;
    return v_seconds;
end
$$;
