-- grace: how long after its time a tick may be accounted for and still be on time. The one place where that
-- is said. 90 s, because a healthy pg_cron may need more than a minute to ring again: it never fires the
-- minute in which it starts, so after a restart over a minute's edge its first ring comes 60.0x s after the
-- tick (3 of 6 restarts, none later than 60.1 s); half a minute is its worst backlog seen. With 60 s such a
-- tick was missed by a hair, and a daily job with SKIP did not run that day.
-- Inlined and folded to a constant, so that indexes serve.
create or replace function kronos.grace() returns interval
language sql immutable parallel safe
return interval '90 seconds';
