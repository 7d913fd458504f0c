"""scratch measurement"""

import time, resource
from calendar_rows import put_calendar, day
from factory import add_endpoint
from sql_factory import value, values


def cpu(conn):
    pid = conn.info.backend_pid
    f = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(f[11]) + int(f[12])) / 100


def test_measure(superuser):
    c = superuser
    e = add_endpoint(c)
    put_calendar(c, e.workspace_id, "week", week=["mon", "tue", "wed", "thu", "fri"])

    def make(n, cals, mode):
        c.execute(
            """insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone, schedule, alarm, description, calendars, on_blackout)
          select id, id, %(w)s, %(e)s, 'CRON', cron, 'UTC', kronos.parse_cron(cron), cron, 'x', %(cals)s, %(mode)s from (select gen_random_uuid() as id, (g %% 60) || ' ' || (g / 60 %% 24) || ' * * 6' as cron from generate_series(1, %(n)s) as g) as x""",
            {"w": e.workspace_id, "e": e.endpoint_id, "n": n, "cals": cals, "mode": mode},
        )
        c.execute(
            "insert into kronos.pointers (job_id, workspace_id, next_tick_at, tick_at) select job_id, workspace_id, kronos.next_tick(schedule, now()), case when calendars <> '{}' then kronos.next_tick(schedule, now()) end from kronos.jobs job where not exists (select from kronos.pointers p where p.job_id = job.job_id) and trigger='CRON'"
        )

    make(50000, ["week"], "NEXT")
    c.execute("analyze kronos.jobs")
    c.execute("analyze kronos.pointers")
    for d in ("2026-12-07", "2026-12-14"):
        a, t = cpu(c), time.time()
        moved = put_calendar(
            c, e.workspace_id, "week", week=["mon", "tue", "wed", "thu", "fri"], days=[day("2026-12-07"), day(d)]
        )
        print("FOLLOW 50k NEXT", moved, cpu(c) - a, time.time() - t)
    a, t = cpu(c), time.time()
    moved = put_calendar(c, e.workspace_id, "week", week=["mon", "tue", "wed", "thu"])
    print("FOLLOW 50k NEXT", moved, cpu(c) - a, time.time() - t)
    c.execute("delete from kronos.pointers; delete from kronos.jobs")
    # account: plain against SKIP calendar, 1000 due
    for cals, mode in (([], "SKIP"), (["week"], "SKIP"), ([], "SKIP"), (["week"], "SKIP")):
        c.execute("delete from kronos.execution_live")
        c.execute("delete from kronos.execution_done")
        c.execute("delete from kronos.pointers")
        c.execute("delete from kronos.jobs where trigger = 'CRON'")
        c.execute(
            """insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone, schedule, alarm, description, calendars, on_blackout)
          select id, id, %(w)s, %(e)s, 'CRON', '* * * * *', 'UTC', kronos.parse_cron('* * * * *'), '* * * * *', 'x', %(cals)s, %(mode)s from (select gen_random_uuid() as id from generate_series(1, 1000) as g) as x""",
            {"w": e.workspace_id, "e": e.endpoint_id, "cals": cals, "mode": mode},
        )
        c.execute(
            "insert into kronos.pointers (job_id, workspace_id, next_tick_at) select job_id, workspace_id, timestamptz '2026-12-02 09:00:00+00' from kronos.jobs where trigger = 'CRON'"
        )
        ids = values(c, "select job_id from kronos.jobs where workspace_id = %s", [e.workspace_id])
        out = []
        for m in range(6):
            a = cpu(c)
            c.execute(
                "select kronos.account_ticks(%s, timestamptz '2026-12-02 09:00:00+00' + %s * interval '1 minute')",
                [ids, m],
            )
            out.append(round(cpu(c) - a, 2))
        print("ACCOUNT", cals, out)
    # previews
    a = time.time()
    for _ in range(20):
        value(
            c,
            "select kronos.coming_runs(%s, '{week}', 'SKIP', kronos.parse_cron('* * * * *'), null, null, null, now(), 0, 20)::text",
            [e.workspace_id],
        )
    print("PREVIEW", (time.time() - a) / 20 * 1000, "ms")
    put_calendar(c, e.workspace_id, "all", days=[day("2026-01-01", "2029-01-01")])
    a = time.time()
    print(
        value(
            c,
            "select kronos.coming_runs(%s, '{all}', 'NEXT', kronos.parse_cron('* * * * *'), null, null, null, now(), 0, 20)::text",
            [e.workspace_id],
        )[:50]
    )
    print("PREVIEW closed 5000 ticks", time.time() - a)
    a = time.time()
    print(
        value(
            c,
            "select kronos.coming_runs(%s, '{all}', 'NEXT', kronos.parse_cron('0 9 * * 1'), null, null, null, now(), 0, 20)::text",
            [e.workspace_id],
        )[:50]
    )
    print("PREVIEW closed weekly", time.time() - a)
    a = time.time()
    print(
        value(
            c,
            "select kronos.first_run(%s, '{all}', 'NEXT', kronos.parse_cron('0 9 1 * *'), null, null, now(), 0)",
            [e.workspace_id],
        )
    )
    print("FIRST closed monthly", time.time() - a)
