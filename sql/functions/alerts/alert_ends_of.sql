-- alert_ends_of: what has ended, per rule and subject, in the order in which it was noted: letters
-- (letters_of), at most the last 1,000, and what is known of the last breach. Deliveries of alert
-- notifications themselves are left out. A job's runs count for the job; one-shots, which run once, count
-- only for rules per ALL. Jobs are looked up one by one, whatever the planner estimates: a few ends never
-- read them all.
create or replace function kronos.alert_ends_of(p_taken kronos.alert_ends[], p_rule_ids uuid[])
returns table (rule_id uuid, subject_id uuid, workspace_id uuid, kind text, name text, letters text,
               execution_id uuid, seconds integer, since timestamptz, succeeded_at timestamptz)
language sql stable rows 1000 set search_path = pg_catalog, pg_temp
set jit = off
as $$
    with ended as materialized (
        select taken.workspace_id, taken.kind, taken.name as given, taken.ended_at, each.*,
               row_number() over (order by taken.end_id, each.place) as nth
          from unnest(p_taken) as taken
         cross join lateral unnest(taken.subject_ids, taken.execution_ids, taken.endpoint_ids, taken.statuses,
                                   taken.late_seconds, taken.ran_seconds)
                    with ordinality as each (subject_id, execution_id, endpoint_id, status, late, ran, place)
    ), known as materialized (
        select ended.*, case when job.trigger = 'CRON' then job.first_version_id end as first_version_id,
               coalesce(job.tags, beat.tags) as tags, endpoint.name as endpoint,
               case when ended.kind = 'HEARTBEAT' then ended.given else job.name end as called,
               coalesce(job.name, job.title) as shown
          from ended
          left join lateral (select each.first_version_id, each.trigger, each.tags, each.name, each.title
                               from kronos.jobs as each
                              where each.job_id = ended.subject_id and ended.kind = 'JOB'
                             offset 0) as job on true
          left join lateral (select each.tags
                               from kronos.beats as each
                              where each.heartbeat_id = ended.subject_id and ended.kind = 'HEARTBEAT'
                             offset 0) as beat on true
          left join lateral (select each.name
                               from kronos.endpoints as each
                              where each.endpoint_id = ended.endpoint_id
                             offset 0) as endpoint on true
         where not exists (select
                             from kronos.alert_notifications as said
                            where said.execution_id = ended.execution_id)
    ), told as (
        select rule.rule_id, known.workspace_id, known.nth, known.execution_id, known.ended_at, known.status,
               case when rule.per = 'ALL' then rule.rule_id
                    when known.kind = 'HEARTBEAT' then known.subject_id
                    else known.first_version_id end as subject_id,
               case when rule.per = 'ALL' then rule.selector else known.kind end as kind,
               case when rule.per = 'ALL' then rule.selected
                    when known.kind = 'HEARTBEAT' then known.given else known.shown end as name,
               kronos.letters_of(rule.condition, known.status, known.late, known.ran) as letters,
               case rule.condition ->> 'type' when 'LATE' then known.late when 'RUNNING' then known.ran end
                   as seconds
          from known
          join kronos.alert_rules as rule
            on rule.workspace_id = known.workspace_id
           and rule.rule_id = any (p_rule_ids)
           and kronos.rule_selects(rule.selector, rule.selected, known.kind, known.called,
                                   known.first_version_id, known.tags, known.endpoint)
    )
    select rule_id, subject_id, workspace_id, kind, (array_agg(name order by nth desc))[1],
           right(string_agg(letters, '' order by nth), 1000),
           (array_agg(execution_id order by nth desc) filter (where letters like 'B%'))[1],
           max(seconds) filter (where letters like 'B%'), min(ended_at) filter (where letters like 'B%'),
           max(ended_at) filter (where status = 'SUCCESS')
      from told
     where letters <> '' and subject_id is not null
     group by rule_id, subject_id, workspace_id, kind
$$;
