-- grace: how long after its time a tick may be accounted for and still be on time. The only definition of
-- that value.
-- 90 s, because a healthy pg_cron may take more than a minute to ring again. It never fires in the minute in
-- which it starts, so after a restart across a minute boundary its first ring comes 60.0x s after the tick (3
-- of 6 restarts, none later than 60.1 s). Its worst observed backlog is half a minute. With 60 s such a tick
-- was just missed, and a daily job with SKIP did not run that day.
-- Inlined and folded to a constant, so that indexes can be used.
create or replace function kronos.grace() returns interval
language sql immutable parallel safe
return interval '90 seconds';
