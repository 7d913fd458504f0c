-- backfill_execution_id: the execution id of a tick in a backfill: like tick_id, a digest of both, so that
-- work repeated after a crash gets the same id. The time in the id is the backfill's, not the tick's: the row
-- is in a partition of the days on which it is delivered, and its retention starts then. The digest includes
-- the backfill and not the job, so that a tick that was cancelled in one backfill can run in the next.
-- Returns: always the same id for the same arguments.
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
