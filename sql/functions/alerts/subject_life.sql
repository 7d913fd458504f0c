-- subject_life: whether a subject can break a rule: LIVE; RESTING if it is paused, or its workspace is
-- suspended; GONE if it has ended or was deleted. A subject that is neither a job nor a heartbeat rests only
-- with its workspace.
create or replace function kronos.subject_life(p_kind text, p_subject_id uuid, p_workspace_id uuid)
returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
declare
    v_life text := 'LIVE';
begin
    if p_kind = 'JOB' then
        select case job.status when 'ACTIVE' then 'LIVE' when 'PAUSED' then 'RESTING' else 'GONE' end
          into v_life
          from kronos.jobs as job
         where job.first_version_id = p_subject_id
         order by job.version desc
         limit 1;
    elsif p_kind = 'HEARTBEAT' then
        select case when beat.deleted_at is not null then 'GONE'
                    when beat.status = 'PAUSED' then 'RESTING' else 'LIVE' end
          into v_life
          from kronos.beats as beat
         where beat.heartbeat_id = p_subject_id;
    end if;
    if v_life = 'LIVE' and not exists (select
                                         from kronos.workspaces as workspace
                                        where workspace.workspace_id = p_workspace_id
                                          and workspace.status = 'ACTIVE') then
        v_life := 'RESTING';
    end if;
    return coalesce(v_life, 'GONE');
end
$$;
