-- signs_of_server: whether writes are durable, whether the server can keep running for long, and what it
-- waits for.
-- Returns: one row. frozen_age and multixact_age: the age of the oldest transaction and multixact that a
-- database remembers. slots: inactive replication slots; slot_bytes: the WAL kept by the worst of them.
-- standbys_wanted: commits wait for a standby; standbys_there: one is connected. archive_fails_seconds: since
-- the last WAL file was archived, if archiving has failed since. collation_change: the version with which
-- text was sorted and the current one, if they differ. relations: our tables and indexes, lockable: how many
-- locks the server has room for.
create or replace function kronos.signs_of_server(
    out is_fsync_on boolean, out are_pages_whole boolean, out commits text, out frozen_age bigint,
    out multixact_age bigint, out slots text[], out slot_bytes bigint, out standbys_wanted boolean,
    out standbys_there boolean, out lag_seconds double precision, out archive_fails_seconds double precision,
    out pending_restart text[], out collation_change text, out relations bigint, out lockable bigint,
    out is_autovacuum_on boolean, out data_directory text
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_at constant pg_lsn := case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
                                 else pg_current_wal_lsn() end;
begin
    is_fsync_on := current_setting('fsync')::boolean;
    are_pages_whole := current_setting('full_page_writes')::boolean;
    -- the server's value: this session's may differ
    commits := (select setting.reset_val from pg_settings as setting
                 where setting.name = 'synchronous_commit');
    select max(age(each.datfrozenxid)), max(mxid_age(each.datminmxid))
      into frozen_age, multixact_age
      from pg_database as each;
    select coalesce(array_agg(slot.slot_name::text order by slot.restart_lsn), '{}'),
           max(pg_wal_lsn_diff(v_at, slot.restart_lsn))::bigint
      into slots, slot_bytes
      from pg_replication_slots as slot
     where not slot.active and slot.restart_lsn is not null;
    standbys_wanted := current_setting('synchronous_standby_names') <> '' and not pg_is_in_recovery();
    select coalesce(bool_or(standby.sync_state in ('sync', 'quorum')), false),
           extract(epoch from max(standby.replay_lag))
      into standbys_there, lag_seconds
      from pg_stat_replication as standby;
    archive_fails_seconds := (select extract(epoch from kronos.clock()
                                             - coalesce(archiver.last_archived_time, archiver.stats_reset))
                                from pg_stat_archiver as archiver
                               where current_setting('archive_mode') <> 'off'
                                 and archiver.last_failed_time > coalesce(archiver.last_archived_time,
                                                                          '-infinity'));
    pending_restart := array(select setting.name from pg_settings as setting
                              where setting.pending_restart order by 1);
    collation_change := (select each.datcollversion || ' then, ' || sorted.version || ' now'
                           from pg_database as each
                          cross join lateral (select pg_database_collation_actual_version(each.oid)
                                                  as version) as sorted
                          where each.datname = current_database() and each.datcollversion <> sorted.version);
    relations := (select count(*) from pg_class where relnamespace = 'kronos'::regnamespace
                     and relkind in ('r', 'p', 'i', 'I'));
    lockable := current_setting('max_locks_per_transaction')::bigint
                * (current_setting('max_connections')::bigint
                   + current_setting('max_prepared_transactions')::bigint);
    is_autovacuum_on := current_setting('autovacuum')::boolean and current_setting('track_counts')::boolean;
    if pg_has_role(current_user, 'pg_read_all_settings', 'usage') then
        data_directory := current_setting('data_directory');
    end if;
end
$$;
