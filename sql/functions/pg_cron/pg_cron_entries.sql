-- pg_cron_entries: every entry whose name begins with kronos:, whoever owns it, as far as kronos_cron may
-- see; never other entries. It lends privileges, so it is never inlined: a condition on its rows reads all of
-- them. To find one entry, query cron.job in a function of kronos_cron. Stable, so that a query sees entries
-- and jobs of one snapshot.
create or replace function kronos.pg_cron_entries(p_database text, p_nodename text, p_nodeport integer)
returns table (jobid bigint, jobname text, schedule text, is_ours boolean, is_right boolean)
language sql stable rows 50000 security definer set search_path = pg_catalog, pg_temp
as $$
    select entry.jobid, entry.jobname::text, entry.schedule, entry.username = 'kronos_cron',
           kronos.is_right_entry(entry.jobname::text, entry.command, entry.active, entry.database,
                                 entry.nodename, entry.nodeport, p_database, p_nodename, p_nodeport)
      from cron.job as entry
     where entry.jobname like 'kronos:%'
$$;
