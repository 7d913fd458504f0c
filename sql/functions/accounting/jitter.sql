-- jitter: how long after its tick a job's delivery may begin. A job gets the same share of jitter_seconds at
-- every tick, so jobs that share a minute are spread over it and each keeps its distance between runs. The
-- delay always ends before the next tick. The share is a hash of the job's first version, so that edits do
-- not change it (with the version's own id it was 47 s before a change of the input and 6 s after).
create or replace function kronos.jitter(p_first_version_id uuid, p_jitter_seconds integer,
                                         p_until_next interval)
returns interval
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select case when p_jitter_seconds = 0 then interval '0'
                else least(p_jitter_seconds * interval '1 second',
                           coalesce(p_until_next, interval '1 hour') - interval '1 second')
                     * ((hashtextextended(p_first_version_id::text, 0) & 65535) / 65536.0)
           end
$$;
