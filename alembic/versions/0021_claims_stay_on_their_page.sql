-- A claim writes its execution's row anew. With less than half of a page filled, all of its rows can be: 0.89
-- of a delivery's WAL. Pages that are there already are filled as they were.
alter table kronos.execution_live set (fillfactor = 45);
