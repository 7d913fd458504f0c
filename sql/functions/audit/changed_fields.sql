-- changed_fields: the differences between two rows, as shown_field shows them. For a row that is new or
-- deleted: its fields that are not null. p_hidden: columns that mean nothing to people, or that they may not
-- see.
-- Returns: one row; both null if nothing differs.
create or replace function kronos.changed_fields(p_old jsonb, p_new jsonb, p_hidden text[],
                                                 out before jsonb, out after jsonb)
language plpgsql stable
as $$
begin
    if p_old is null then
        select jsonb_object_agg(field.key, kronos.shown_field(field.key, field.value)) into after
          from jsonb_each(p_new - p_hidden) as field
         where field.value <> 'null';
    elsif p_new is null then
        select jsonb_object_agg(field.key, kronos.shown_field(field.key, field.value)) into before
          from jsonb_each(p_old - p_hidden) as field
         where field.value <> 'null';
    elsif p_old is distinct from p_new then
        select jsonb_object_agg(field.key, kronos.shown_field(field.key, p_old -> field.key)),
               jsonb_object_agg(field.key, kronos.shown_field(field.key, field.value)) into before, after
          from jsonb_each(p_new - p_hidden) as field
         where coalesce(p_old -> field.key, 'null') <> field.value;
    end if;
end
$$;
