"""A process at a database of another release: an older one is rejected with the command to run; a newer one is logged,
and the process continues."""

import asyncio
import logging

import psycopg
import pytest

from kronos import config, database, errors, migrations, readiness, revisions
from kronos.cli import processes
from kronos.pool import Pool
from kronos.readiness import SILENT_AFTER
from kronos.worker import watchdog
from kronos.worker.link import Link, Outage
from sql_factory import Connection
from told import told


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revisions, "_reported", set())


def test_the_revisions_are_known_without_alembic() -> None:
    from kronos import schema_steps  # imported here: it loads alembic

    assert revisions.known() == [revision for revision, _ in schema_steps.after(None)]
    assert revisions.needed() == migrations.head() == schema_steps.head()


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("comment on table kronos.schema_version is 'revision 0001'", "is at revision 0001, and this release needs"),
        (
            "comment on table kronos.schema_version is 'objects 0123456789abcdef'",
            "or by an earlier release, and this release needs",
        ),
        ("comment on table kronos.schema_version is null", "or by an earlier release, and this release needs"),
        (
            "revoke usage on schema kronos from public, kronos_api, kronos_worker",
            "permission denied for schema kronos: run `kronos migrate`",
        ),
    ],
)
async def test_a_database_of_an_earlier_release_is_refused_with_what_to_run(
    superuser: Connection, database_url: str, harm: str, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    superuser.execute(harm.encode())
    async with Pool(database_url, size=1, wait_seconds=1) as pool:  # the wait is in vain
        async with asyncio.timeout(60):
            while pool.trouble is None:  # noqa: ASYNC110 - the pool has no event
                await asyncio.sleep(0.01)
        with pytest.raises(errors.DatabaseUnavailable) as refused:
            await readiness.get(database.InstanceView(pool))
    assert told in refused.value.detail
    assert "kronos migrate" in refused.value.detail
    link = Link(database_url, "claim", Outage())
    with pytest.raises(errors.SessionRefused) as refused_link:
        await link._connect()
    assert told in refused_link.value.detail


async def test_a_newer_database_is_said_once_by_each_process_and_used(
    superuser: Connection, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    superuser.execute("comment on table kronos.schema_version is 'revision 9999'")
    sentence = f"the database is at revision 9999, but this process is from a release that knows {revisions.needed()}"
    async with Pool(database_url, size=2, wait_seconds=60) as pool:
        found = await readiness.get(database.InstanceView(pool))
    assert sentence in " ".join(readiness.why_degraded(found))
    link = Link(database_url, "claim", Outage())
    with caplog.at_level(logging.WARNING):
        await link.ask()
    await link.close()
    line = told(caplog, "revision.newer")
    assert (line["level"], line["message"]) == ("WARNING", sentence + ": replace it with the newer release")


async def test_a_worker_whose_function_an_upgrade_took_away_looks_at_the_revision_and_says_so(
    superuser: Connection, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    link = Link(database_url, "listen", Outage())
    params = {"after": SILENT_AFTER, "unheard_since": None}
    await link.rows(watchdog.RING_IF_SILENT, params)
    superuser.execute("comment on table kronos.schema_version is 'revision 9999'")
    superuser.execute("alter function kronos.ring_if_silent(interval, timestamptz) rename to ring_if_silent_of_old")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            with pytest.raises(psycopg.errors.UndefinedFunction):
                await link.rows(watchdog.RING_IF_SILENT, params)
    await link.close()
    said = [record.getMessage() for record in caplog.records]
    assert any("ring_if_silent" in each for each in said), said
    assert any("at revision 9999" in each for each in said), said


def test_a_process_that_logs_in_as_a_superuser_says_so_when_it_starts(
    superuser: Connection, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    processes._prove(config.load(database_url=database_url), "kronos_api", None)
    line = told(caplog, "start.superuser")
    assert (line["level"], line["message"]) == (
        "WARNING",
        f"{superuser.info.user} is a superuser: this process acts as kronos_api, but give it a login that has only "
        "that role",
    )
