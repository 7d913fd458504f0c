-- note_tags: keeps kronos.job_tags in step with the jobs. A job without tags, like most one-shots, costs
-- nothing.
create or replace function kronos.note_tags() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op <> 'INSERT' then
        delete from kronos.job_tags as noted
         where noted.workspace_id = old.workspace_id
           and noted.tag = any (old.tags)
           and noted.trigger = old.trigger
           and noted.status = old.status
           and noted.created_at = old.created_at
           and noted.job_id = old.job_id;
    end if;
    if tg_op <> 'DELETE' then
        insert into kronos.job_tags (workspace_id, tag, trigger, status, created_at, job_id, endpoint_id)
        select distinct new.workspace_id, tag.name, new.trigger, new.status, new.created_at, new.job_id,
                        new.endpoint_id
          from unnest(new.tags) as tag (name)
         where char_length(tag.name) <= 64;
    end if;
    return null;
end
$$;
create or replace trigger jobs_note_tags
    after insert on kronos.jobs
    for each row when (new.tags <> '{}') execute function kronos.note_tags();
create or replace trigger jobs_note_tags_anew
    after update of workspace_id, tags, trigger, status, created_at, job_id, endpoint_id on kronos.jobs
    for each row when ((old.tags <> '{}' or new.tags <> '{}')
                       and (old.workspace_id, old.tags, old.trigger, old.status, old.created_at, old.job_id,
                            old.endpoint_id)
                           is distinct from (new.workspace_id, new.tags, new.trigger, new.status,
                                             new.created_at, new.job_id, new.endpoint_id))
    execute function kronos.note_tags();
create or replace trigger jobs_note_tags_no_more
    after delete on kronos.jobs
    for each row when (old.tags <> '{}') execute function kronos.note_tags();
