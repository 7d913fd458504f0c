-- is_over: whether a wave of missed deliveries is over, so that the next wave may again start some deliveries
-- immediately.
create or replace function kronos.is_over(p_wave kronos.catch_up_wave, p_now timestamptz) returns boolean
language sql immutable parallel safe
return p_now >= greatest(p_wave.began_at, p_wave.last_run_at) + make_interval(secs => p_wave.stagger_seconds);
