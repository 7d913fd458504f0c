-- drop_run_details: deletes up to p_limit of our rows of cron.job_run_details that are older than p_days,
-- oldest first, after runid p_after: rows of kronos_cron (pg_cron's own policy hides those of other roles)
-- with a command of ours. With p_dry_run it only counts. The only index is on runid, which increases with
-- time: rows are read from the oldest on, and the first that is recent enough ends the scan.
-- Returns: one row. last_runid: where the next call continues; is_left: whether it is worthwhile.
create or replace function kronos.drop_run_details(p_after bigint, p_days integer, p_limit integer,
                                                   p_dry_run boolean, out last_runid bigint,
                                                   out run_details bigint, out is_left boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '50ms'
as $$
declare
    v_young  bigint;
    v_seen   integer;
    v_doomed bigint[];
begin
    with chunk as materialized (
        select detail.runid, detail.command, coalesce(detail.start_time, detail.end_time) as began_at
          from cron.job_run_details as detail
         where detail.runid > p_after
         order by detail.runid
         limit p_limit
    ), young as (
        select min(chunk.runid) as runid
          from chunk
         where chunk.began_at >= kronos.now() - make_interval(days => p_days)
    ), old as (
        -- A row without a time never began. It is as old as the one after it.
        select chunk.runid, chunk.command from chunk, young
         where chunk.runid < coalesce(young.runid, (select max(dated.runid)
                                                      from chunk as dated
                                                     where dated.began_at is not null))
            or (young.runid is null and chunk.began_at is not null)
    )
    select (select young.runid from young), (select count(*) from chunk),
           coalesce((select max(old.runid) from old), p_after),
           array(select old.runid
                   from old
                  where old.command like 'select kronos.fire(%'
                     or old.command like 'call kronos.ring(%'
                     or old.command like 'select pg_notify(''kronos_ring_%')
      into v_young, v_seen, last_runid, v_doomed;
    run_details := cardinality(v_doomed);
    if run_details > 0 and not p_dry_run then
        delete from cron.job_run_details where runid = any (v_doomed);
    end if;
    is_left := v_young is null and v_seen = p_limit and last_runid > p_after;
end
$$;
