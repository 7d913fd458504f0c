-- looked_up: whether p_id is p_wanted, for joins that must look up each wanted row by its key. Inlined.
-- Two comparisons instead of "=": a plan made while the table is nearly empty assumes that it has one row,
-- and would start an equality join from the table, in key order. Later, with 4,000 rows waiting, it compares
-- each row of a batch with each of them (decision 0081). An equality gives the index an order that a join can
-- use. These comparisons do not, so with enable_seqscan off the only plan left looks up each row.
create or replace function kronos.looked_up(p_id uuid, p_wanted uuid) returns boolean
language sql immutable parallel safe
as $$
    select p_id >= p_wanted and p_id <= p_wanted
$$;
