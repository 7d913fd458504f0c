-- name: reap
-- The reaper's task, at once. One row.
select (kronos.reap() -> 'left' ->> 'entries')::integer as entries_left;
