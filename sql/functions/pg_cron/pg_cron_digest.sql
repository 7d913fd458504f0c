-- pg_cron_digest: all entries under our name in three numbers, for a comparison with the jobs that reads each
-- row once (1 us; a join takes 4).
-- Returns: how many there are, whoever owns them; how many of them belong to kronos_cron and reach this
-- database, and the exclusive or of the hashes of their (name, schedule).
create or replace function kronos.pg_cron_digest(p_database text, p_nodename text, p_nodeport integer,
                                                 out entries bigint, out right_entries bigint,
                                                 out digest bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select count(*), count(*) filter (where found.is_right),
           bit_xor(hashtextextended(found.schedule, hashtextextended(found.jobname, 0)))
               filter (where found.is_right)
      from (select entry.schedule, entry.jobname::text as jobname,
                   entry.username = 'kronos_cron'
                   and kronos.is_right_entry(entry.jobname::text, entry.command, entry.active, entry.database,
                                             entry.nodename, entry.nodeport,
                                             p_database, p_nodename, p_nodeport) as is_right
              from cron.job as entry
             where entry.jobname like 'kronos:%'
            offset 0) as found
$$;
