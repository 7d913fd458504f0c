-- Before the gates, so that nothing waits long for a lock that it needs last.
alter table kronos.execution_live
    add column concurrency_key text collate "C",
    add column parked_at timestamptz,
    add constraint execution_live_parked_waits check (parked_at is null or (concurrency_key is not null
                                                                        and claim_token is null));
create index execution_live_keyed
    on kronos.execution_live (endpoint_id, concurrency_key, claim_token, visible_at)
    where concurrency_key is not null and parked_at is null;
create index execution_live_parked on kronos.execution_live (endpoint_id, concurrency_key, parked_at)
    where parked_at is not null;

alter table kronos.endpoint_gate
    add column key_template text,
    add column key_parts jsonb,
    add column key_max integer,
    add constraint endpoint_gate_key_is_whole check ((key_template is null) = (key_parts is null)
                                                 and (key_template is null) = (key_max is null)),
    add constraint endpoint_gate_key_bounded check (key_max between 1 and 1000);
