-- require_live_endpoint: allows nothing new for an endpoint that is deleted, or is being deleted at this
-- moment, whatever statement writes. It takes the key share lock on the endpoint that a job's foreign key
-- takes anyway; delete_endpoint and delete_workspace lock the row exclusively. So one of the two waits for
-- the other: a deletion that comes second finds the job, and a job that comes second finds the deletion,
-- because a locked row is read as it is now, whatever the statement's snapshot.
--
-- It runs after the row is written: register_pg_cron already has the workspace's lock then, which a deletion
-- takes first. If the endpoint names a payload spec, a new job's input must have been validated against its
-- present version.
--
-- A run of a live job needs no check: its session holds the job's row, and an endpoint with a live job is not
-- deleted. That leaves runs of jobs that may have ended: an execution that is retried, whose created_at is
-- from its first life, in the past or, if the clock was set back, in the future; and an execution of a
-- backfill.
-- Raises: KR012; KR016 if the input was not validated.
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
            message = 'the endpoint has a payload spec, against which the input was not validated',
            hint = 'Create the job through the API, which validates its input.';
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
