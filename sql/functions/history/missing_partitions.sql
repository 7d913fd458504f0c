-- missing_partitions: the weeks (Monday to Monday, UTC) without a partition, from yesterday's week to the one
-- p_ahead from now: for each week and table, the part after the last partition that begins in it or reaches
-- into it. In the order in which they are created: execution_done before attempt.
create or replace function kronos.missing_partitions(p_ahead interval)
returns table (parent text, from_at timestamptz, to_at timestamptz)
language sql stable rows 20 set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
    select wanted.parent, greatest(week.begins, max(kronos.uuid7_time(present.to_id))),
           week.begins + interval '7 days'
      from (values ('execution_done', 1), ('attempt', 2)) as wanted (parent, place)
     cross join generate_series(date_trunc('week', kronos.now() - interval '1 day'),
                                date_trunc('week', kronos.now() + p_ahead),
                                interval '7 days') as week (begins)
      left join kronos.partitions() as present
        on present.parent = wanted.parent
       and present.from_id < kronos.uuid7_floor(week.begins + interval '7 days')
       and present.to_id > kronos.uuid7_floor(week.begins)
     group by wanted.parent, wanted.place, week.begins
    having coalesce(max(kronos.uuid7_time(present.to_id)) < week.begins + interval '7 days', true)
     order by week.begins, wanted.place
$$;
