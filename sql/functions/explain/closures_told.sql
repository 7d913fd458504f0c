-- closures_told: the effect of calendars on ticks of a version of a job (fate_in_turn); the ticks are in
-- order. Each tick waits for the earlier ticks of its day, since none of another day can be later. A tick not
-- yet accounted for waits for those from the pointer on; a tick accounted for waits for those from the
-- version's beginning on. p_next: the tick of the pointer; null if the version has none.
-- Returns: each tick with its reason (empty if open), run_at: when it runs, and due_at: when it is accounted
-- for. No rows for a job without calendars.
create or replace function kronos.closures_told(p_job kronos.jobs, p_next timestamptz, p_ticks timestamptz[])
returns table (tick timestamptz, closure jsonb)
language plpgsql stable rows 50 set search_path = pg_catalog, pg_temp
as $$
declare
    c_moment constant interval := interval '1 microsecond';
    v_zone   constant text := coalesce((p_job.schedule).timezone, 'UTC');
    v_day    constant timestamp := date_trunc('day', p_ticks[1] at time zone v_zone);
    v_from   constant timestamptz := greatest(kronos.local_instant(v_day, v_zone, 'SHIFT'), p_job.starts_at,
                                              case when p_ticks[1] >= p_next then p_next
                                                   else p_job.ticks_from + c_moment end);
    v_latest timestamptz;      -- when the ticks up to this one are accounted for
    v_fate   record;
begin
    if p_job.calendars = '{}' or p_ticks = '{}' then
        return;
    end if;
    if p_job.on_blackout <> 'SKIP'
    and v_day = any (kronos.rolling_days(p_job.schedule,
                                         case p_job.on_blackout when 'NEXT' then 1 else -1 end,
                                         p_job.starts_at, p_job.ends_at, p_ticks[1],
                                         p_ticks[1] + c_moment)) then
        v_latest := (select max(kronos.due_of(p_job, before.at))
                       from kronos.ticks_within(p_job.schedule, v_from, p_ticks[1], 1500) as before (at));
    end if;
    foreach tick in array p_ticks loop
        v_fate := kronos.fate_in_turn(p_job.workspace_id, p_job.calendars, p_job.on_blackout, p_job.schedule,
                                      p_job.starts_at, p_job.ends_at, tick,
                                      case when tick <> p_next or p_next is null then v_latest end);
        v_latest := v_fate.due_at;
        closure := coalesce(v_fate.reason, '{}')
                   || jsonb_build_object('run_at', kronos.iso(v_fate.run_at),
                                         'due_at', kronos.iso(v_fate.due_at));
        return next;
    end loop;
end
$$;
