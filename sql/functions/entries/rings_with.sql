-- rings_with: how often per day pg_cron rings for jobs if these minutes are folded (best_fold).
create or replace function kronos.rings_with(p_folded bigint) returns double precision
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select coalesce(sum(kronos.alarm_rings(alike.alarm)), 0)
      from (select distinct kronos.ring_text(live.alarm, p_folded) as alarm
              from kronos.live_alarms() as live
             union
            select unnest(kronos.folded_alarms(p_folded))) as alike
$$;
