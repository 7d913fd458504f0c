-- changed_fields: what differs between two rows, as shown_field has it. Of a row that is new or gone: what is
-- not null. p_hidden: columns that say nothing to people, or nothing that they may know.
-- Returns: one row; both null where nothing differs.
create or replace function kronos.changed_fields(p_old jsonb, p_new jsonb, p_hidden text[],
                                                 out before jsonb, out after jsonb)
language sql immutable
as $$
    select jsonb_object_agg(field.name, kronos.shown_field(field.name, p_old -> field.name))
               filter (where p_old is not null),
           jsonb_object_agg(field.name, kronos.shown_field(field.name, p_new -> field.name))
               filter (where p_new is not null)
      from jsonb_object_keys(coalesce(p_new, p_old)) as field (name)
     where field.name <> all (p_hidden)
       and coalesce(p_old -> field.name, 'null') <> coalesce(p_new -> field.name, 'null')
$$;
