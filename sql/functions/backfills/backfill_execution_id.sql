-- backfill_execution_id: the execution id of a tick in a backfill: as tick_id, a digest of both, so that what
-- begins again after a crash meets the same id. Its time is the backfill's, not the tick's: the row lies in a
-- partition of the days in which it is delivered, and is kept from then on. Of the backfill and not of the
-- job: a tick that was cancelled in one backfill can be run by the next.
-- Returns: the same id for the same arguments, for ever.
create or replace function kronos.backfill_execution_id(p_backfill_id uuid, p_created_at timestamptz,
                                                        p_tick timestamptz)
returns uuid
language sql immutable parallel safe
as $$
    select encode(
               overlay(uuid_send(kronos.tick_id(p_backfill_id, p_tick))
                       placing substring(int8send((extract(epoch from p_created_at) * 1000)::bigint) from 3)
                       from 1 for 6),
               'hex')::uuid
$$;
