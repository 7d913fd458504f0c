-- reread_zone: record what PostgreSQL knows of a time zone now, so that its jobs are checked from the first
-- one on (refresh_jobs). If the rules have changed, it raises a warning, notifies processes that keep
-- schedules in memory (kronos_zones), and records since when the rules differ.
create or replace function kronos.reread_zone(p_timezone text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    c_first constant uuid := '00000000-0000-0000-0000-000000000000'::uuid;
    v_old       kronos.zones;
    v_zone      kronos.zones := kronos.read_zone(p_timezone);
    v_distances integer[];      -- at the instants recorded before
begin
    select * into v_old from kronos.zones where timezone = p_timezone;
    v_distances := kronos.zone_distances(p_timezone, v_old.probes);
    if v_old.probes <> '{}' and v_distances <> v_old.distances then
        v_zone.changed_at := kronos.now();
        v_zone.changed_from :=
            least(v_old.changed_from, kronos.last_agreement(v_old.probes, v_old.distances, v_distances));
        raise warning 'kronos: the rules of time zone % have changed: its jobs are scheduled again',
            p_timezone;
        perform pg_notify('kronos_zones', '');
    else
        v_zone.changed_at := v_old.changed_at;
        v_zone.changed_from := v_old.changed_from;
    end if;
    insert into kronos.zones (timezone, offsets, gaps, gap_seconds, read_at, probes, distances, changed_at,
                              changed_from, from_job_id)
    values (v_zone.timezone, v_zone.offsets, v_zone.gaps, v_zone.gap_seconds, v_zone.read_at, v_zone.probes,
            v_zone.distances, v_zone.changed_at, v_zone.changed_from, c_first)
        on conflict (timezone) do update
       set offsets = excluded.offsets, gaps = excluded.gaps, gap_seconds = excluded.gap_seconds,
           read_at = excluded.read_at, probes = excluded.probes, distances = excluded.distances,
           changed_at = excluded.changed_at, changed_from = excluded.changed_from,
           from_job_id = excluded.from_job_id, one_shots_from = null;
end
$$;
