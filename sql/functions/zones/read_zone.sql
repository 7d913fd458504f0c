-- read_zone: read what alarm needs of a time zone from PostgreSQL's time zone data: from a day ago until two
-- years from now.
-- Raises: invalid_parameter_value if there is no such zone.
create or replace function kronos.read_zone(p_timezone text) returns kronos.zones
language plpgsql stable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    v_from constant timestamptz := kronos.now() - interval '24 hours';
    v_zone kronos.zones;
begin
    v_zone.timezone := p_timezone;
    v_zone.read_at := kronos.now();
    select array(select distinct extract(epoch from distance)::integer
                   from unnest(array_agg(change.new_offset)
                               || (v_from at time zone p_timezone - v_from at time zone 'UTC')) as distance
               order by 1),
           coalesce(array_agg(change.at order by change.at)
                    filter (where change.new_offset > change.old_offset), '{}'),
           coalesce(array_agg(extract(epoch from change.new_offset - change.old_offset)::integer
                              order by change.at)
                        filter (where change.new_offset > change.old_offset), '{}')
      into v_zone.offsets, v_zone.gaps, v_zone.gap_seconds
      from kronos.zone_changes(p_timezone, v_from, kronos.now() + interval '17520 hours') as change;
    -- Two years of weeks, and the last second before and the first one after each clock change: a change of
    -- the rules shows at one of these.
    v_zone.probes := array(select at from generate_series(v_from, kronos.now() + interval '17520 hours',
                                                          interval '168 hours') as at
                            union
                           select unnest(array[change.at - interval '1 second', change.at])
                             from kronos.zone_changes(p_timezone, v_from,
                                                      kronos.now() + interval '17520 hours') as change
                            order by 1);
    v_zone.distances := kronos.zone_distances(p_timezone, v_zone.probes);
    return v_zone;
end
$$;
