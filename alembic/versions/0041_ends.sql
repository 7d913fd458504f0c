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

-- Who notes a failure holds the gate's row, and waits for nobody who has locked the endpoint's: the reference
-- made the first failure of each endpoint do so. The gate's own says that the endpoint is there.
alter table kronos.endpoint_health drop constraint endpoint_health_endpoint_fkey;

-- Of what is tried again, deadline_at may be that of its endpoint's max_age_seconds.
alter table kronos.execution_live add column is_age_limited boolean;
