-- A schedule, parsed once when its job is stored: kronos.read_schedule writes it, kronos.next_tick reads it.
-- It is five cron fields as bit masks, an interval of real time, or a calendar interval on the zone's wall
-- clock.
create type kronos.schedule as (
    minutes        bigint,       -- bits 0-59
    hours          integer,      -- bits 0-23
    -- bits 1-31, 32 for the last day of the month ($, L), 33 for its last day from Monday to Friday (LW),
    -- 64 - n for the n-th day before its last (L-n)
    days           bigint,
    months         integer,      -- bits 1-12
    weekdays       integer,      -- bits 0-6, Sunday is 0
    -- day-of-month AND day-of-week, if either field begins with a star; otherwise OR
    both_days      boolean,
    -- bits 1-31: the nearest day from Monday to Friday in the same month (15W); 64 - n: of the n-th day
    -- before its last (L-nW)
    nearest_days   bigint,
    nth_weekdays   bigint,       -- bit 7 * (n - 1) + weekday: the n-th of the month (5#2)
    last_weekdays  integer,      -- bits 0-6: the last of the month (5L)
    -- the hour field begins with a star: each real instant that matches, regardless of clock changes
    every_hour     boolean,
    every_seconds  integer,      -- an interval: anchor + n * every_seconds; the fields above are then null
    anchor         timestamptz,
    timezone       text,         -- an IANA name
    dst_gap        text,         -- SHIFT, SHIFT_BY_GAP or SKIP
    dst_overlap    text,         -- FIRST or BOTH
    -- a calendar interval: anchor_local + n * every_days days, or n * every_months months; exactly one of the
    -- two
    every_days     integer,
    every_months   integer,
    anchor_local   timestamp     -- as the zone's clocks show it
);
