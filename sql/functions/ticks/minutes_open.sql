-- minutes_open: some times as whole minutes after p_from: each part from opens up to closes. Inlined.
create or replace function kronos.minutes_open(p_times tstzmultirange, p_from timestamptz)
returns table (opens integer[], closes integer[])
language sql stable rows 1
begin atomic
    select coalesce(array_agg(ceil(extract(epoch from lower(part) - p_from) / 60)::integer), '{}'),
           coalesce(array_agg(ceil(extract(epoch from upper(part) - p_from) / 60)::integer), '{}')
      from unnest(p_times) as part;
end;
