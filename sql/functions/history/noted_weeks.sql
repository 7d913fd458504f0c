-- noted_weeks: reads from kronos.history_weeks, for a workspace or for versions of a CRON job, the weeks with
-- more than one finished execution (of a status, if given), and for weeks with only one, that execution.
-- Returns: one row, both newest first; only_status: the status, if there is only one in the weeks. Runs as
-- the caller: row level security applies.
create or replace function kronos.noted_weeks(p_subject_ids uuid[], p_status text, out weeks timestamptz[],
                                              out ids uuid[], out only_status text)
language plpgsql stable security invoker set search_path = pg_catalog, pg_temp set enable_seqscan = off
set jit = off
as $$
begin
    select coalesce(array_agg(
                        distinct noted.week::timestamp at time zone 'UTC'
                        order by noted.week::timestamp at time zone 'UTC' desc
                    )
                    filter (where noted.notes > 1), '{}'),
           coalesce(array_agg(noted.id order by noted.id desc) filter (where noted.notes = 1), '{}'),
           case when min(noted.status) filter (where noted.notes > 1) = max(noted.status)
                     filter (where noted.notes > 1)
                then min(noted.status) filter (where noted.notes > 1) end
      into weeks, ids, only_status
      from (select each.status, each.week, count(*) as notes, (array_agg(each.execution_id))[1] as id
              from kronos.history_weeks as each
             where each.subject_id = any (p_subject_ids)
               and case when p_status is null then each.status <> 'ODD' else each.status = p_status end
             group by each.subject_id, each.status, each.week) as noted;
end
$$;
