-- pg_cron_entries: every entry whose name begins with kronos:, whoever owns it, as far as kronos_cron may see; others' entries never.
-- Stable, so that a query sees entries and jobs of one snapshot.
-- Called by: reap, pg_cron_health.
create or replace function kronos.pg_cron_entries()
returns table (jobid bigint, jobname text, schedule text, command text, nodename text, nodeport integer, database text, username text, active boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select entry.jobid, entry.jobname::text, entry.schedule, entry.command, entry.nodename, entry.nodeport, entry.database, entry.username, entry.active
      from cron.job as entry
     where entry.jobname like 'kronos:%'
$$;
