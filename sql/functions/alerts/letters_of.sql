-- letters_of: what an end means for a rule's condition: B breaks it, O does not, and an empty text means that
-- the end does not matter to it. A run that was too long breaks it and is over immediately. Inlined.
create or replace function kronos.letters_of(p_condition jsonb, p_status text, p_late integer, p_ran integer)
returns text
language sql immutable parallel safe
as $$
    select case p_condition ->> 'type'
               when 'MISSED'     then case p_status when 'MISSED' then 'B' when 'EXPIRED' then '' else 'O' end
               when 'NO_SUCCESS' then case p_status when 'SUCCESS' then 'O' else '' end
               when 'LATE'       then case when p_status = 'MISSED' or p_late is null then ''
                                           when p_late > (p_condition ->> 'seconds')::integer then 'B'
                                           else 'O' end
               when 'RUNNING'    then case when p_ran is null then ''
                                           when p_condition ->> 'factor' is null
                                                and p_ran > (p_condition ->> 'seconds')::integer then 'BO'
                                           else 'O' end
               else case p_status when 'SUCCESS' then 'O' when 'MISSED' then '' else 'B' end end
$$;
