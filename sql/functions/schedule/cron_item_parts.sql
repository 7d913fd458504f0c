-- cron_item_parts: the parts of an item of a field's list: of a range or a star its ends and its step, or else the one value.
-- Called by: parse_cron_item, refuse_cron_item, alarm_item.
-- Returns: {low, high, step, value} as they were written, in lower case; null for anything of another shape. No end where the item is *.
--
-- Two digits, as 05, and more only where the first is no zero: 100 is a number out of range, 005 is no number.
create or replace function kronos.cron_item_parts(p_item text) returns text[]
language sql immutable strict parallel safe
return regexp_match(
    lower(p_item collate "C"),
    '^(?:(?:\*|([a-z]{3}|[0-9]{1,2}|[1-9][0-9]{2,8})-([a-z]{3}|[0-9]{1,2}|[1-9][0-9]{2,8}))(?:/([0-9]{1,2}|[1-9][0-9]{2,8}))?'
    '|([a-z]{3}|[0-9]{1,2}|[1-9][0-9]{2,8}))$'
);
