-- A tick leaves a dead row; with a million one-shots in the table the server's 20 % were 200,000 of them, hours of a thousand due jobs a minute. Now it
-- is five minutes of these. The indexes are only read through where dead rows are in more than 2 % of the pages, so few of them cost little.
alter table kronos.jobs set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
