-- lint_schedule: behavior of a schedule that its user may not expect, one sentence each.
-- Returns: {} for an ordinary schedule. p_cron is the original text, null for an interval; p_until null: no
-- end. Clock changes are reported for one year from p_after on.
create or replace function kronos.lint_schedule(p_cron text, p_schedule kronos.schedule, p_after timestamptz,
                                                p_until timestamptz)
returns text[]
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_fields text[] := kronos.cron_fields(p_cron);
    v_tick   timestamptz := kronos.next_tick(p_schedule, p_after);
    v_lints  text[] := '{}'::text[];
begin
    if v_tick is null or v_tick >= p_until then
        v_lints := v_lints || 'the schedule does not fire again'::text;
    end if;
    if p_cron is not null then
        v_lints :=
            v_lints || kronos.lint_steps(v_fields, p_schedule) || kronos.lint_days(v_fields, p_schedule)
                           || kronos.lint_nth_days(p_schedule);
    end if;
    if p_schedule.every_months is not null
    and bit_count((select dates.days
                     from kronos.calendar_dates(p_schedule.every_months,
                                                p_schedule.anchor_local) as dates)::bit(64)) > 1 then
        v_lints := v_lints || format('day %s does not exist in every month: there it runs on the '
                                     'month''s last day',
                                     to_char(p_schedule.anchor_local, 'FMDD'));
    end if;
    return v_lints || kronos.lint_zone(p_schedule.timezone)
                   || kronos.lint_clock_changes(p_schedule, p_after,
                                                least(p_until, p_after + interval '8760 hours'));
end
$$;
