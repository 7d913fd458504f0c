-- notes_of: what kronos.history_weeks notes of a finished execution: its status, and ODD if it is odd
-- (is_odd), each under its workspace and, unless that is null, under its subject (noted_subject). Inlined.
create or replace function kronos.notes_of(p_workspace_id uuid, p_subject_id uuid, p_status text,
                                           p_is_odd boolean)
returns table (subject_id uuid, status text)
language sql immutable parallel safe rows 4
as $$
    select note.subject_id, note.status
      from (values (p_workspace_id, p_status),
                   (p_subject_id, p_status),
                   (p_workspace_id, case when p_is_odd then 'ODD' end),
                   (p_subject_id, case when p_is_odd then 'ODD' end)) as note (subject_id, status)
     where note.subject_id is not null and note.status is not null
$$;
