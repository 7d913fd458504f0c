-- tick_id: the execution id of a job's nominal tick: a version 7 UUID whose random bits are a digest of (job,
-- tick). An alarm, catch-up and a command that runs twice all compute the same id, so a tick can never become
-- two executions.
-- Returns: always the same id for the same arguments.
-- One expression with only immutable parts (extract from a timestamptz is not) and without a search_path
-- setting, so that it is inlined: a function that is not is planned again by every statement. Its callers set
-- theirs.
create or replace function kronos.tick_id(p_job_id uuid, p_tick timestamptz) returns uuid
language sql immutable parallel safe
as $$
    select encode(set_bit(set_bit(set_bit(set_bit(set_bit(set_bit(
               overlay(
                   substring(sha256(
                                 uuid_send(p_job_id)
                                 || int8send((extract(epoch from p_tick at time zone 'UTC') * 1000)::bigint))
                             from 1 for 16)
                   placing substring(int8send((extract(epoch from p_tick at time zone 'UTC') * 1000)::bigint)
                                     from 3)
                   from 1 for 6),
               55, 0), 54, 1), 53, 1), 52, 1), 71, 1), 70, 0), 'hex')::uuid      -- version 7, variant 10
$$;
