-- last_agreement: the last of some instants before the first one at which two readings of a zone differ;
-- ticks up to it are the same in both.
-- Returns: -infinity if they differ at the first one, null if they differ at none.
create or replace function kronos.last_agreement(p_at timestamptz[], p_some integer[], p_other integer[])
returns timestamptz
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
    select case when nth > 1 then p_at[nth - 1] else '-infinity' end
      from unnest(p_some, p_other) with ordinality as reading (some_distance, other_distance, nth)
     where some_distance <> other_distance
     order by nth
     limit 1
$$;
