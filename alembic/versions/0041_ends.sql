-- In the order of ranks (rank_of), which of what is due stand still.
drop index kronos.execution_live_parked;
create index execution_live_parked
    on kronos.execution_live (endpoint_id, concurrency_key,
                              ((parked_at at time zone 'UTC')
                               - (case when priority is null then 0 else priority end)
                                 * interval '1 minute'))
    where parked_at is not null;

-- A delivery waits too, where somebody has its endpoint's row locked as the run ends.
alter table kronos.callbacks drop constraint callbacks_only_jobs_wait;
