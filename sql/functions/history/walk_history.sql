-- walk_history: find_executions among the finished ones of a workspace, made at p_workspace_at, or of
-- versions of a job (version_times), merged with the page so far (p_ids, p_made).
-- It walks the history from the newest ids backwards, by spans of 1, 2, 4 … 32 days, whatever the partitions,
-- and stops as soon as no older row can belong on the page, because a row is created within an hour of the
-- time in its id. For rows that were not, kronos.late_days has the days of their id and of their creation;
-- they are read when the walk reaches the day of creation. So the order is exactly that of created_at. The
-- walk ends at the creation of the workspace or the job, since nothing is older. Rows written by SQL with an
-- earlier time are in late_days, and the last span includes them. An impossible creation time, before 1970 or
-- after now, ends no walk.
-- kronos.history_weeks has the weeks of ids in which there was anything of the requested status
-- (noted_weeks). In spans of noted weeks the walk reads only weeks that had more than one, and the single
-- noted execution of the others. So a rare or missing status does not cost a look into each partition,
-- however wide they are. Where little is noted, a span reaches as far as that.
-- Returns: one row: ids and creation times, newest first. Runs as the caller: row level security applies.
create or replace function kronos.walk_history(
    p_workspace_at timestamptz, p_version_ids uuid[], p_made_from timestamptz[], p_made_until timestamptz[],
    p_oldest timestamptz, p_newest timestamptz, p_is_one_shot boolean, p_status text,
    p_scheduled_after timestamptz, p_scheduled_before timestamptz, p_before_created_at timestamptz,
    p_before_id uuid, p_limit integer, p_ids uuid[], p_made timestamptz[], out ids uuid[],
    out made timestamptz[]
)
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off
as $$
declare
    c_slack      constant interval    := interval '1 hour';
    v_subjects   constant uuid[]      := coalesce(p_version_ids, array[kronos.current_workspace_id()]);
    v_oldest     constant timestamptz := coalesce(p_oldest, p_workspace_at);
    v_noted_from constant timestamptz := kronos.weeks_noted_from();
    -- newer executions are odd: a span ends here
    v_prompt_to  constant timestamptz := p_scheduled_before + 3 * c_slack;
    v_noted      record;      -- the weeks to read and the known executions; null: nothing is known
    v_odd        record;      -- the same of executions created long before or after their scheduled time
    v_known      record;      -- whichever of the two holds for the span
    -- the span is [v_lower, v_upper); null: up to any
    v_upper      timestamptz  := least(p_newest, case when p_before_created_at < kronos.now()
                                                      then kronos.finite(p_before_created_at) + c_slack end);
    v_days       interval     := interval '1 day';
    v_lower      timestamptz  := coalesce(v_upper, kronos.now()) - v_days;
    v_late_since date;        -- late rows created on this day or after it have been read; null: none yet
    v_is_last    boolean;
    v_place      record;
begin
    ids := p_ids;
    made := p_made;
    -- No weeks are noted for a one-shot: its executions are within an hour of it or, if its time is
    -- impossible, anywhere.
    select noted.*, false as is_odd into v_noted
      from kronos.noted_weeks(v_subjects, p_status) as noted
     where p_is_one_shot is not true;
    select noted.*, true as is_odd into v_odd
      from kronos.noted_weeks(v_subjects, 'ODD') as noted
     where p_is_one_shot is not true and num_nonnulls(p_scheduled_after, p_scheduled_before) > 0;
    loop
        v_is_last := v_lower + c_slack <= v_oldest;
        v_known := v_noted;
        if v_lower >= v_noted_from and (v_upper + 2 * c_slack < p_scheduled_after
                                        or v_lower - 2 * c_slack > p_scheduled_before) then
            v_known := v_odd;      -- no execution in the span can be prompt
        end if;
        for v_place in
            select place.*
              from kronos.places_to_look(v_lower, v_upper, v_noted_from, v_known.weeks, v_known.ids,
                                         v_known.is_odd, v_noted.weeks, v_noted.ids, p_workspace_at,
                                         v_is_last, v_late_since, p_before_created_at) as place
        loop
            select page.ids, page.made into ids, made
              from kronos.read_place(v_place.id_from, v_place.id_to, v_place.made_from, v_place.made_to,
                                     v_place.known, p_version_ids, p_made_from, p_made_until,
                                     case when v_place.is_noted then coalesce(v_noted.only_status, p_status)
                                          else p_status end, p_scheduled_after, p_scheduled_before,
                                     p_before_created_at, p_before_id, p_limit, ids, made) as page;
        end loop;
        exit when v_is_last or made[p_limit] > v_lower + c_slack;
        v_late_since := ((v_lower + c_slack) at time zone 'UTC')::date;
        v_days := case when v_lower = v_prompt_to then interval '1 day'
                       else least(v_days * 2, interval '32 days') end;
        v_upper := v_lower;
        v_lower := greatest(
            kronos.span_below(v_upper, v_days, v_known.weeks, v_known.ids, v_noted_from),
            v_oldest - c_slack, case when v_upper > v_prompt_to then v_prompt_to end);
    end loop;
end
$$;
