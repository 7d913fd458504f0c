-- A cron expression, parsed once at creation into bit masks: kronos.parse_cron writes it, kronos.next_tick reads it.
create type kronos.schedule as (
    minutes    bigint,   -- bits 0-59
    hours      integer,  -- bits 0-23
    days       bigint,   -- bits 1-31, and 32 for the last day of the month
    months     integer,  -- bits 1-12
    weekdays   integer,  -- bits 0-6, Sunday is 0
    both_days  boolean   -- day-of-month AND day-of-week, where either field begins with a star; else OR
);
