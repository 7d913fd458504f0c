-- require_live_endpoint: nothing new is made for an endpoint that is deleted, nor for one that is being
-- deleted at this moment, no matter who writes. The endpoint's key share lock is the one that a job's foreign
-- key takes anyway; delete_endpoint and delete_workspace want the row for themselves. So one of the two waits
-- for the other: a deletion that comes second finds the job, and a job that comes second finds the deletion,
-- because a locked row is read as it is now, whatever the statement's snapshot says.
-- After the row and not before: register_pg_cron has the workspace's lock then, which a deletion takes first.
-- Where the endpoint names a payload spec, a new job's input was validated against it as it is now.
-- Raises: KR012; KR016 where it was not.
-- A run of a live job needs no look: its maker holds the job's row, and an endpoint with a live job is not
-- deleted. That leaves those of jobs that may be over: an execution that is retried, which keeps the
-- created_at of its first life, before now or, where the clock was set back, after it; and one of a backfill.
create or replace function kronos.require_live_endpoint() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_deleted_at      timestamptz;
    v_payload_spec_id uuid;
begin
    select deleted_at, payload_spec_id into v_deleted_at, v_payload_spec_id
      from kronos.endpoints
     where endpoint_id = new.endpoint_id
       for key share;
    if v_deleted_at is not null then
        raise sqlstate 'KR012' using message = 'the endpoint was deleted at the same time';
    end if;
    if v_payload_spec_id is not null and tg_op = 'INSERT' and tg_relid = 'kronos.jobs'::regclass
       and not kronos.is_validated(new.endpoint_id, v_payload_spec_id) then
        raise sqlstate 'KR016' using
            column = 'endpoint',
            message = 'the endpoint names a payload spec, against which the input was not validated',
            hint = 'make the job by the API, which validates its input';
    end if;
    return null;
end
$$;
create or replace trigger jobs_need_a_live_endpoint
    after insert on kronos.jobs
    for each row when (new.status in ('ACTIVE', 'PAUSED')) execute function kronos.require_live_endpoint();
create or replace trigger jobs_that_return_need_a_live_endpoint
    after update of status, endpoint_id on kronos.jobs
    for each row when (new.status in ('ACTIVE', 'PAUSED')
                       and (old.status not in ('ACTIVE', 'PAUSED') or old.endpoint_id <> new.endpoint_id))
    execute function kronos.require_live_endpoint();
create or replace trigger executions_that_return_need_a_live_endpoint
    after insert on kronos.execution_live
    for each row when (
        new.created_at <> kronos.now() or new.backfill_id is not null
    ) execute function kronos.require_live_endpoint();
