-- Jobs and runs by hand know the trace of the request that made them.
alter table kronos.jobs add column traceparent text;
alter table kronos.execution_live add column traceparent text;
