-- looked_up: whether p_id is p_wanted, for joins in which each wanted row is looked up by its key. Inlined.
-- Two comparisons and not "=": a plan that is made when next to nothing is in the table takes all of it to be
-- one row, and would begin an equality's join with the table, in the order of the key: later, when 4,000
-- wait, it compares each of a batch with each of them (decision 0081). An equality gives an index an order
-- that a join can use; these give it none, so all that is left is to look each up, where enable_seqscan is
-- off.
create or replace function kronos.looked_up(p_id uuid, p_wanted uuid) returns boolean
language sql immutable parallel safe
as $$
    select p_id >= p_wanted and p_id <= p_wanted
$$;
