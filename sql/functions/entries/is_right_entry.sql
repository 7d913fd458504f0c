-- is_right_entry: whether an entry has the right command and reaches this database. The schedule is compared
-- elsewhere. pg_cron copies database, nodename and nodeport into an entry when it is scheduled, so a restored
-- dump, a renamed database or a new port leaves entries that pg_cron cannot deliver. p_at_* are the values of
-- kronos.entry_place. kronos:@… is an entry that jobs share.
-- It has no search_path setting, so that it is inlined where all entries are checked.
create or replace function kronos.is_right_entry(p_jobname text, p_command text, p_active boolean,
                                                 p_database text, p_nodename text, p_nodeport integer,
                                                 p_at_database text, p_at_nodename text,
                                                 p_at_nodeport integer)
returns boolean
language sql immutable parallel safe
return p_active
       and p_nodeport = p_at_nodeport
       and p_database = p_at_database
       and (p_at_nodename is null or p_nodename = p_at_nodename)
       and p_command = case when p_jobname like 'kronos:@%'
                            then 'call kronos.ring(''' || substr(p_jobname, 9) || ''')'
                            else 'select kronos.fire(''' || substr(p_jobname, 8) || ''')' end;
