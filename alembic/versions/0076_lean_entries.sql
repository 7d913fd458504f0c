-- contract: functions are replaced with them; the release before has one statement of its own that looks here
-- (ledger.get_standing), and reads the queue instead.
drop index kronos.execution_live_by_job, kronos.execution_live_one_shots;
create index execution_live_by_job on kronos.execution_live (job_id, scheduled_at) with (fillfactor = 45)
    where job_id <> execution_id;
create index execution_live_one_shots
    on kronos.execution_live (endpoint_id, (scheduled_at = created_at), created_at, execution_id)
    where job_id = execution_id and claim_token is null;
