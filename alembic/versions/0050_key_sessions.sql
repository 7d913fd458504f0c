alter table kronos.sign_ins
    alter column subject drop not null,
    alter column groups drop not null,
    add column key_id uuid,
    add constraint sign_ins_key_fkey foreign key (key_id)
        references kronos.api_keys (key_id) on delete cascade,
    add constraint sign_ins_is_of_one
        check (num_nonnulls(key_id, subject) = 1 and num_nonnulls(key_id, groups) = 1);
create index sign_ins_of_key on kronos.sign_ins (key_id, created_at desc, sign_in_id desc)
    where key_id is not null;
