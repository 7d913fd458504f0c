"""How full quotas of alarms are, for /metrics: a limited number of workspaces, always including the fullest."""

from factory import add_endpoint
from sql_factory import Connection, make_cron_job, records, value


def crowded(connection: Connection, slug: str, *, most: int | None, crons: tuple[str, ...]) -> None:
    """A workspace with that quota, and a job for each cron text."""
    endpoint = add_endpoint(connection)
    for cron in crons:
        make_cron_job(connection, endpoint, cron=cron)
    connection.execute(
        "update kronos.workspaces set max_alarms_per_minute = %s, slug = %s where workspace_id = %s",
        [most, slug, endpoint.workspace_id],
    )


def told(connection: Connection, most: int) -> dict[str, tuple[int, int]]:
    found = records(connection, "select * from kronos.system_alarm_quotas(%s)", [most])
    return {row["workspace"]: (row["used"], row["most"]) for row in found}


def test_of_many_workspaces_those_that_can_be_full_are_told(superuser: Connection) -> None:
    """Not the first by name: a fifty-first workspace would never be reported."""
    for nth in range(3):
        crowded(superuser, f"a-roomy-{nth}", most=100, crons=("0 * * * *",))
    crowded(superuser, "m-spread", most=4, crons=("1 * * * *", "2 * * * *", "3 * * * *"))
    crowded(superuser, "z-full", most=2, crons=("7 3 * * *", "7 3 * * *"))
    crowded(superuser, "b-unlimited", most=None, crons=("0 * * * *",) * 3)
    crowded(superuser, "c-paused", most=1, crons=("0 * * * *",))
    superuser.execute(
        "update kronos.jobs set status = 'PAUSED' where workspace_id = (select workspace_id from kronos.workspaces "
        "where slug = 'c-paused')"
    )
    assert list(told(superuser, 2).items()) == [("z-full", (2, 2)), ("m-spread", (1, 4))]
    assert len(told(superuser, 50)) == 6
    assert value(superuser, "select count(*) from kronos.system_alarm_quotas(0)") == 0
