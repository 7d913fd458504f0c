"""Calendars used by jobs, and jobs that may be moved, in addition to the jobs of bench.pages."""

import httpx
import psycopg

from kronos.model import Json

# Of job-1 to job-50,000, one in twenty uses a calendar, and one in sixty may run up to half an hour later.
_NAMED = """
update kronos.jobs
   set calendars = case when substr(name, 5)::integer %% 20 = 3
                        then array['closed-' || 1 + substr(name, 5)::integer / 20 %% %(calendars)s]
                        else calendars end,
       spread = case when substr(name, 5)::integer %% 60 = 7 then '30m' end
 where name like 'job-%%'
   and (substr(name, 5)::integer %% 20 = 3 or substr(name, 5)::integer %% 60 = 7)
"""


def fill(
    client: httpx.Client, connection: psycopg.Connection[tuple[Json, ...]], *, workspace: str, calendars: int
) -> None:
    """Create calendars of forty days each, assign them to jobs, and let other jobs be spread, with triggers off."""
    for n in range(1, calendars + 1):
        days = [
            {"starts": f"20{27 + nth // 12}-{1 + nth % 12:02}-{n % 28 + 1:02}", "name": f"Day {nth}"}
            for nth in range(40)
        ]
        body = {"timezone": "Europe/Berlin", "business_days": ["mon", "tue", "wed", "thu", "fri"], "days": days}
        client.put(f"/v1/workspaces/{workspace}/calendars/closed-{n}", json=body).raise_for_status()
    connection.execute("set session_replication_role = replica")
    connection.execute(_NAMED, {"calendars": calendars})
    connection.execute("set session_replication_role = origin")
    connection.execute("vacuum analyze kronos.jobs")
