-- find_executions: one page of the executions of a workspace, or of the given versions of a job: the ids of
-- the newest p_limit, by (created_at, execution_id), that come after a place in the list. Runs as the caller:
-- row level security applies.
-- It walks the history from the newest ids backwards, by spans of 1, 2, 4 … 32 days, whatever the partitions,
-- and stops as soon as no older row can belong on the page, because a row is created within an hour of the
-- time in its id. For rows that were not, kronos.late_days has the days of their id and of their creation;
-- they are read when the walk reaches the day of creation. So the order is exactly that of created_at.
-- The walk ends at the creation of the workspace or the job, since nothing is older. Rows written by SQL with
-- an earlier time are in late_days, and the last span includes them. An impossible creation time, before 1970
-- or after now, ends no walk.
-- A span's locks are released when it is done, so a page without matches never holds the locks of more than
-- one span. If there are many versions, a span reads only those that were in force in it or had a backfill
-- running: a version creates executions at no other time. So a whole walk reads each version about once,
-- however many there are.
-- kronos.history_weeks has the weeks of ids in which there was anything of the requested status
-- (noted_weeks). In spans of noted weeks the walk reads only weeks that had more than one, and the single
-- noted execution of the others. So a rare or missing status does not cost a look into each partition,
-- however wide they are. Where little is noted, a span reaches as far as that.
create or replace function kronos.find_executions(
    p_job_ids uuid[], p_status text, p_scheduled_after timestamptz, p_scheduled_before timestamptz,
    p_before_created_at timestamptz, p_before_id uuid, p_limit integer
)
returns table (execution_id uuid, created_at timestamptz)
language plpgsql stable rows 50 security invoker set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off
as $$
declare
    c_unfinished constant text[]      := array['PENDING', 'QUEUED', 'RUNNING', 'RETRYING'];
    c_day        constant interval    := interval '24 hours';
    c_slack      constant interval    := interval '1 hour';
    c_first      constant timestamptz := '1970-01-01 00:00:00+00'::timestamptz;      -- ids begin here
    v_workspace  constant uuid        := kronos.current_workspace_id();
    v_before_at  constant timestamptz := coalesce(p_before_created_at, 'infinity');
    v_before_id  constant uuid        := coalesce(p_before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    v_ids        uuid[]               := '{}'::uuid[];      -- the page so far, newest first
    v_made       timestamptz[]        := '{}'::timestamptz[];
    v_oldest     timestamptz;                       -- nothing was created before
    v_upper      timestamptz;                       -- the span is [v_lower, v_upper); null: up to any
    v_lower      timestamptz;
    v_days       interval             := interval '1 day';
    -- late rows created on this day or after it have been read; null: none yet
    v_late_since date;
    -- late rows created on this day or after it are being read
    v_late_from  date;
    v_workspace_at timestamptz;
    v_versions   uuid[];                            -- of the job, each with when it may have executions
    v_made_from  timestamptz[];
    v_made_until timestamptz[];
    v_is_one_shot boolean             := false;
    v_of_span    uuid[];
    v_is_last    boolean;
    v_part       record;
    -- days of the ids of late rows in the span, each with the day of creation
    v_late       timestamptz[];
    v_late_made  timestamptz[];
    v_late_until timestamptz[];
    -- v_weeks and v_known of executions created long before or after their scheduled time. Spans in which no
    -- execution can be prompt read only these.
    v_odd_weeks  timestamptz[];
    v_odd_known  uuid[];
    v_is_odd     boolean;
    -- newer executions are odd: a span ends here
    v_prompt_to  constant timestamptz := p_scheduled_before + 3 * c_slack;
    v_is_noted   boolean;                           -- whether everything in the span is noted
    v_noted_from constant timestamptz := kronos.weeks_noted_from();
    -- the weeks to read, newest first; null: nothing is known
    v_weeks      timestamptz[];
    -- the executions that were the only ones of their weeks, newest first
    v_known      uuid[]               := '{}'::uuid[];
    v_only       text;                              -- the only status in the weeks to read
begin
    select case when workspace.created_at between c_first and kronos.now() then workspace.created_at
                else c_first end
      into v_workspace_at
      from kronos.workspaces as workspace
     where workspace.workspace_id = v_workspace;
    if p_job_ids is not null then
        select array_agg(version.job_id), array_agg(version.made_from), array_agg(version.made_until),
               min(version.made_at),
               max(version.made_at) filter (where version.trigger <> 'CRON') + c_slack,
               bool_or(version.trigger <> 'CRON')
          into v_versions, v_made_from, v_made_until, v_oldest, v_upper, v_is_one_shot
          from (select job.job_id, job.trigger,
                case when job.created_at between c_first and kronos.now() then job.created_at end as made_at,
                       case when cardinality(p_job_ids) > 1 then kronos.finite(job.created_at) - c_slack
                            else '-infinity' end as made_from,
                       case when cardinality(p_job_ids) > 1
                            then greatest(coalesce(kronos.finite(job.retired_at) + c_slack, 'infinity'),
                                          filled.made_until)
                            else 'infinity'
                       end as made_until
                  from (select * from kronos.jobs as stored where stored.job_id = any (p_job_ids)
                         union all
                        select * from kronos.one_shot_rows(p_job_ids)) as job
                  left join (select backfill.job_id, max(
                                 coalesce(kronos.finite(backfill.completed_at) + c_slack, 'infinity')
                             ) as made_until
                               from kronos.backfills as backfill
                              where backfill.workspace_id = v_workspace
                                and backfill.first_version_id = (select job.first_version_id
                                                                   from kronos.jobs as job
                                                                  where job.job_id = p_job_ids[1])
                              group by backfill.job_id) as filled using (job_id)
                 where job.workspace_id = v_workspace) as version;
    end if;
    if v_workspace_at is null or (p_job_ids is not null and v_versions is null) then
        return;
    end if;
    v_oldest := coalesce(v_oldest, v_workspace_at);
    if p_status is null or p_status = any (c_unfinished) then
        select coalesce(array_agg(live.execution_id), '{}'),
               coalesce(array_agg(live.created_at), '{}') into v_ids, v_made
          from kronos.live_page(v_workspace, v_versions, p_status, p_scheduled_after, p_scheduled_before,
                                v_before_at, v_before_id, p_limit) as live;
    end if;
    -- No weeks are noted for a one-shot: its executions are within an hour of it or, if its time is
    -- impossible, anywhere.
    if not v_is_one_shot and not coalesce(p_status = any (c_unfinished), false) then
        select noted.weeks, noted.ids, coalesce(noted.only_status, p_status) into v_weeks, v_known, v_only
          from kronos.noted_weeks(coalesce(v_versions, array[v_workspace]), p_status) as noted;
        if num_nonnulls(p_scheduled_after, p_scheduled_before) > 0 then
            select noted.weeks, noted.ids into v_odd_weeks, v_odd_known
              from kronos.noted_weeks(coalesce(v_versions, array[v_workspace]), 'ODD') as noted;
        end if;
    end if;
    v_upper :=
        least(v_upper, case when v_before_at < kronos.now() then kronos.finite(v_before_at) + c_slack end);
    v_lower := coalesce(v_upper, kronos.now()) - v_days;
    while not coalesce(p_status = any (c_unfinished), false) loop
        v_is_last := v_lower + c_slack <= v_oldest;
        v_late_from := ((v_lower + c_slack) at time zone 'UTC')::date;
        select array_agg(late.id_day::timestamp at time zone 'UTC'),
               array_agg(late.created_day::timestamp at time zone 'UTC'),
               array_agg(case when late.created_day < '9999-12-31'
                              then (late.created_day + 1)::timestamp at time zone 'UTC'
                              else 'infinity' end)
          into v_late, v_late_made, v_late_until
          from (select distinct noted.id_day, noted.created_day
                  from kronos.late_days as noted
                 where noted.workspace_id = v_workspace
                   and (noted.created_day >= v_late_from
                        or (v_is_last and noted.created_day < (v_workspace_at at time zone 'UTC')::date))
                   and (v_late_since is null or noted.created_day < v_late_since)
                   and noted.created_day <= (v_before_at at time zone 'UTC')::date) as late;
        v_is_noted := v_weeks is not null and v_lower >= v_noted_from;
        v_is_odd := v_is_noted and (v_upper + 2 * c_slack < p_scheduled_after
                                    or v_lower - 2 * c_slack > p_scheduled_before) is true;
        for v_part in
            select span.id_from, span.id_to, span.id_from - c_slack as made_from,
                   span.id_to + c_slack as made_to, v_is_noted as is_noted,
                   null::uuid[] as known
              from kronos.spans_to_look(case when v_is_odd then v_odd_weeks when v_is_noted then v_weeks end,
                                        v_lower, v_upper) as span
             union all
            select late.id_from, late.id_from + c_day, late.made_from, late.made_to,
                   v_weeks is not null and late.id_from >= v_noted_from, null
              from unnest(v_late, v_late_made, v_late_until) as late (id_from, made_from, made_to)
             where v_weeks is null or late.id_from < v_noted_from or date_trunc('week', late.id_from,
                                                                                'UTC') = any (v_weeks)
             union all
            select null, null, null, null, true, found.ids
              from kronos.known_within(case when v_is_odd then v_odd_known else v_known end, v_lower, v_upper,
                                       v_late) as found (ids)
             where found.ids <> '{}'
        loop
            v_of_span := case when v_versions is not null then
                             array(select version.id
                                     from unnest(v_versions, v_made_from, v_made_until) as version (
                                         id, made_from, made_until
                                     )
                                    where (v_part.made_to is null or version.made_from <= v_part.made_to)
                                      and version.made_until >= v_part.made_from)
                         end;
            continue when v_of_span = '{}' and v_part.known is null;
            begin
                select array_agg(top.id order by top.at desc, top.id desc),
                       array_agg(top.at order by top.at desc, top.id desc) into v_ids, v_made
                  from (select either.id, either.at
                          from (select so_far.id, so_far.at from unnest(v_ids, v_made) as so_far (id, at)
                                 union
                                select page.execution_id, page.created_at
                                  from kronos.done_page(v_workspace, v_of_span,
                                                        case when v_part.is_noted then v_only
                                                             else p_status end,
                                                        p_scheduled_after, p_scheduled_before, v_before_at,
                                                        v_before_id, v_part.id_from, v_part.id_to,
                                                        v_part.made_from,
                                                        v_part.made_to, p_limit) as page
                                 where v_part.known is null
                                 union
                                select known.execution_id, known.created_at
                                  from kronos.known_page(v_workspace, v_versions, v_part.known, p_status,
                                                         p_scheduled_after, p_scheduled_before,
                                                         v_before_at, v_before_id) as known
                                 where v_part.known is not null) as either
                         order by either.at desc, either.id desc
                         limit p_limit) as top;
                raise sqlstate 'KR020' using message = 'the span is done: its locks are released';
            exception when sqlstate 'KR020' then
                null;
            end;
        end loop;
        exit when v_is_last or v_made[p_limit] > v_lower + c_slack;
        v_late_since := v_late_from;
        v_days := case when v_lower = v_prompt_to then interval '1 day'
                       else least(v_days * 2, interval '32 days') end;
        v_upper := v_lower;
        v_lower := kronos.span_below(v_upper, v_days, case when v_is_odd then v_odd_weeks else v_weeks end,
                                      case when v_is_odd then v_odd_known else v_known end, v_noted_from);
        v_lower :=
            greatest(v_lower, v_oldest - c_slack, case when v_upper > v_prompt_to then v_prompt_to end);
    end loop;
    return query
        select page.id, page.at from unnest(v_ids, v_made) as page (id, at);
end
$$;
