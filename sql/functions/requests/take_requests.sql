-- take_requests: reserve up to p_wanted requests of a key's current minute for an API process that is to
-- serve them. Reserves none unless p_is_right is true, so that a caller without the secret cannot use up a
-- key's quota. A call gets at most an eighth of what is left of the minute, but at least one, so that
-- processes that call at the same time all have some until its end.
-- A minute begins with the first request after the previous one. A server that accepts no writes counts
-- nothing, and grants what is requested. Locks the key's row of request_rates.
-- Returns: one row. quota: requests per minute, null for no limit; left_over: those that no process has
-- reserved; seconds: until the minute ends.
create or replace function kronos.take_requests(p_key_id uuid, p_is_right boolean, p_wanted integer,
                                                out quota integer, out granted integer,
                                                out left_over integer, out window_at timestamptz,
                                                out seconds double precision)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_now constant timestamptz := kronos.clock();
begin
    granted := 0;
    left_over := 0;
    window_at := v_now;
    seconds := 60;
    if p_is_right is not true then
        return;
    end if;
    select coalesce(key.requests_per_minute, instance.per_minute)
      into quota
      from kronos.request_limit as instance
      left join kronos.api_keys as key on key.key_id = p_key_id;
    if quota is null or current_setting('transaction_read_only')::boolean then
        granted := p_wanted;
        left_over := greatest(quota - p_wanted, 0);
        return;
    end if;
    insert into kronos.request_rates as rate (key_id, window_at, taken, granted)
    values (p_key_id, v_now, least(p_wanted, greatest(quota / 8, 1)),
            least(p_wanted, greatest(quota / 8, 1)))
        on conflict (key_id) do update
       set (window_at, taken, granted) = (
            select now_at.window_at, now_at.taken + given.n, given.n
              from (select case when is_new then v_now else rate.window_at end as window_at,
                           case when is_new then 0 else rate.taken end as taken
                      -- A minute that begins slightly in the future was begun by a later call that got the
                      -- row first.
                      from (values (rate.window_at <= v_now - interval '60 s'
                                    or rate.window_at > v_now + interval '60 s')) as age (is_new)) as now_at
             cross join lateral (values (greatest(least(p_wanted, greatest((quota - now_at.taken) / 8, 1),
                                                        quota - now_at.taken), 0))) as given (n))
    returning rate.window_at, rate.granted, greatest(quota - rate.taken, 0)
         into window_at, granted, left_over;
    seconds := least(extract(epoch from window_at + interval '60 s' - v_now), 60);
end
$$;
