-- parse_calendar_interval: an interval counted on a wall clock, as days or as months: "2w", "1w3d", "1mo",
-- "1y6mo".
-- Returns: days up to 366, or months up to 120; the other is null.
-- Raises: KR005 with a hint; with column => 'anchor' if p_anchor is the fault.
--
-- Ten years is far below the 41 years within which next_civil_tick searches for a tick that dst_gap SKIP does
-- not drop.
create or replace function kronos.parse_calendar_interval(p_every text, p_anchor timestamp, out days integer,
                                                          out months integer)
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
    v_parts  numeric[];
    v_days   numeric;
    v_months numeric;
    -- an interval of any units, including those of real time
    v_is_interval constant boolean := length(p_every) <= 50 and p_every <> ''
        and p_every ~ '^([0-9]+y)?([0-9]+mo)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$';
begin
    if length(p_every) > 50 or p_every !~ '^([0-9]+y)?([0-9]+mo)?([0-9]+w)?([0-9]+d)?$' or p_every = '' then
        raise sqlstate 'KR005' using
            message = case
                when v_is_interval
                    then format('interval "%s" cannot be counted on a wall clock: hours, minutes and seconds '
                                'are real time', p_every)
                else format('"%s" is not an interval', left(p_every, 50))
            end,
            hint = case
                when not v_is_interval then kronos.interval_hint(p_every)
                when p_every ~ 'y|mo'
                    then 'Write whole years and months, as in 1y6mo, or weeks and days, as in 2w.'
                else 'Write whole days, weeks, months or years, or give the anchor an offset, such as '
                     '2026-12-01T00:00:00Z.'
            end;
    end if;
    v_parts := regexp_match(p_every, '^(?:([0-9]+)y)?(?:([0-9]+)mo)?(?:([0-9]+)w)?(?:([0-9]+)d)?$');
    v_months := coalesce(v_parts[1], 0) * 12 + coalesce(v_parts[2], 0);
    v_days := coalesce(v_parts[3], 0) * 7 + coalesce(v_parts[4], 0);
    if v_months > 0 and v_days > 0 then
        raise sqlstate 'KR005' using
            message = format('interval "%s" mixes months and days: months differ in length, so the two '
                             'cannot be added', p_every),
            hint = 'Write years and months, as in 1y6mo, or weeks and days, as in 2w.';
    elsif v_days > 366 or v_months > 120 or v_days + v_months = 0 then
        raise sqlstate 'KR005' using
            message = format('interval "%s" is not between one day and 366 days, or one month and ten years',
                             p_every),
            hint = case when v_days > 366 then 'Write months or years, as in 2y.'
                        when v_months > 120 then 'Write at most 10y.'
                        else 'Write 1d for every day.' end;
    elsif not isfinite(p_anchor) or p_anchor <> date_trunc('minute', p_anchor) then
        raise sqlstate 'KR005' using
            column = 'anchor',
            message = format('the anchor of a calendar interval must be a whole minute, not %s',
                             to_char(p_anchor, 'YYYY-MM-DD"T"HH24:MI:SS.US')),
            hint = case
                when not isfinite(p_anchor) then 'Write a local time, such as 2026-12-01T09:00:00.'
                else format('Write %s instead.',
                            to_char(date_trunc('minute', p_anchor), 'YYYY-MM-DD"T"HH24:MI:SS'))
            end;
    end if;
    days := nullif(v_days, 0);
    months := nullif(v_months, 0);
end
$$;
