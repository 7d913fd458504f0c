alter table kronos.jobs add column deadline_seconds integer;
alter table kronos.execution_live add column deadline_at timestamptz;
create index execution_live_deadline on kronos.execution_live (deadline_at)
    where deadline_at is not null and claim_token is null;
