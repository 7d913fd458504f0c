-- look_under_keys: a step of take_keyed. Of up to p_limit due executions of an endpoint with the rank p_from
-- or a later one, apart from those already taken (p_places, p_keys), it locks and takes as many as their keys
-- have room for, and parks the rest. Each priority is a separate queue, as in claim_shares. A short key with
-- one value, at p_path and between p_texts, is built inline: a call of concurrency_key costs as much as
-- everything else.
-- Returns: one row: where it found what it took, lowest rank first; how many it read, and the last of their
-- ranks.
create or replace function kronos.look_under_keys(p_endpoint_id uuid, p_parts jsonb, p_path text[],
                                                  p_texts text[], p_max integer, p_from timestamptz,
                                                  p_limit integer, p_places tid[], p_keys text[],
                                                  out places tid[], out times timestamptz[], out keys text[],
                                                  out seen integer, out last_rank timestamptz)
language plpgsql volatile security invoker set search_path = pg_catalog, pg_temp
as $$
begin
    with first as materialized (
        select next.*, kronos.rank_of(next.visible_at, queue.queue % 11) as rank
          from kronos.claim_shares(p_endpoint_id, 'infinity', p_from,
                                   p_limit + cardinality(p_places)) as queue
         cross join lateral (select live.ctid as place, live.execution_id, live.visible_at, live.input
                               from kronos.execution_live as live
                              where live.endpoint_id = p_endpoint_id and live.claim_token is null
                                and kronos.queue_of(live.priority) = queue.queue
                                and live.visible_at <= kronos.now() and live.visible_at >= queue.due_from
                                and (live.deadline_at is null or live.deadline_at > kronos.now())
                                and live.job_id not in (select job_id from kronos.cancelled_jobs)
                                and live.ctid <> all (p_places)
                              order by live.visible_at
                              limit queue.executions
                                for update skip locked) as next
         order by rank
         limit p_limit
    ), shown as (
        select first.place, first.execution_id, first.visible_at, first.rank, first.input,
               p_texts[1] || coalesce(first.input #>> p_path, p_texts[2]) || p_texts[3] as short
          from first
        offset 0
    ), candidate as (
        select shown.place, shown.execution_id, shown.visible_at, shown.rank,
               case when octet_length(shown.short) <= 256 then shown.short
                    else kronos.concurrency_key(p_parts, shown.input) end collate "C" as key
          from shown
        offset 0
    ), numbered as (
        select candidate.*, row_number() over (partition by key order by rank, execution_id) as nth
          from candidate
    ), placed as materialized (
        select place, execution_id, key, visible_at, rank,
               max(case when nth = 1      -- those under way come first, so no other index is considered
                        then p_max - cardinality(array_positions(p_keys, key))
                             - (select count(held.claim_token)
                                  from (select running.claim_token
                                          from kronos.execution_live as running
                                         where running.endpoint_id = p_endpoint_id
                                           and running.concurrency_key = key and running.parked_at is null
                                         order by running.claim_token
                                         limit p_max) as held)
                   end) over (partition by key) >= nth as fits
          from numbered
    ), parked as (
        update kronos.execution_live as live
           set parked_at = live.visible_at, visible_at = '9999-12-31 00:00:00+00',
               concurrency_key = placed.key
          from placed
         where live.ctid = placed.place and not placed.fits
    )
    select coalesce(array_agg(place), '{}'), coalesce(array_agg(visible_at), '{}'),
           coalesce(array_agg(key), '{}'), (select count(*) from first), (select max(first.rank) from first)
      into places, times, keys, seen, last_rank
      from (select * from placed where fits order by rank, execution_id) as fitting;
end
$$;
