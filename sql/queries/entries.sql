-- name: reap
-- Run the reaper's task now. One row.
select (kronos.reap() -> 'left' ->> 'entries')::integer as entries_left;
