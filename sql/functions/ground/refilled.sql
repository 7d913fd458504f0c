-- refilled: the tokens in a bucket at p_at, if p_tokens were in it at p_from (null: it was full). p_count
-- tokens are added every p_seconds, up to p_burst. A clock set back adds and removes none; a clock set
-- forward adds no more than up to p_burst.
create or replace function kronos.refilled(p_tokens double precision, p_from timestamptz, p_count integer,
                                           p_seconds integer, p_burst integer, p_at timestamptz)
returns double precision
language sql immutable
as $$
    select least(p_burst, coalesce(p_tokens + greatest(0, extract(epoch from p_at - p_from))::double precision
                                              * p_count / p_seconds, p_burst))
$$;
