-- refilled: what a token bucket holds at p_at, of which p_tokens were in it at p_from (null: it was full).
-- p_count tokens come every p_seconds, and no more than p_burst stay. A clock that was set back gives none
-- and takes none; one that was set forward gives no more than p_burst.
create or replace function kronos.refilled(p_tokens double precision, p_from timestamptz, p_count integer,
                                           p_seconds integer, p_burst integer, p_at timestamptz)
returns double precision
language sql immutable
as $$
    select least(p_burst, coalesce(p_tokens + greatest(0, extract(epoch from p_at - p_from))::double precision
                                              * p_count / p_seconds, p_burst))
$$;
