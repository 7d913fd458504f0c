"""done_page returns the newest of what its filters and bounds let through, as a walk over all rows finds them: each
instant is at, just before or just after one of its bounds.
"""

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from conftest import cloned
from depth import depth
from factory import add_endpoint
from servers import Server
from sql_factory import Connection, make_cron_job, records

HOUR, MOMENT = timedelta(hours=1), timedelta(microseconds=1)
BASE = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
STEPS = [BASE + n * HOUR for n in range(8)]
_STATUSES = ("SUCCESS", "FAILED", "CANCELLED", "SKIPPED", "MISSED", "EXPIRED")
_DISTANCES = (0 * HOUR, HOUR, HOUR + MOMENT, -HOUR, -HOUR - MOMENT, 3 * HOUR, -3 * HOUR)
_ROW = """
insert into kronos.execution_done (execution_id, workspace_id, job_id, endpoint_id, endpoint_version, cause, status,
                                   status_reason, scheduled_at, run_at, created_at, max_attempts, input)
values (%(id)s, %(workspace_id)s, %(job_id)s, %(endpoint_id)s, 1, 'SCHEDULE', %(status)s, '{}', %(scheduled_at)s,
        %(scheduled_at)s, %(created_at)s, 5, '{}')
"""
_PAGE = """
select execution_id, created_at
  from kronos.done_page(%(workspace_id)s, %(job_ids)s, %(status)s, %(after)s, %(before)s, %(place_at)s, %(place_id)s,
                        %(id_from)s, %(id_to)s, %(made_from)s, %(made_to)s, %(limit)s)
"""
_LAST = uuid.UUID(int=2**128 - 1)
_NONE: dict[str, Any] = dict.fromkeys(
    ("job_ids", "status", "after", "before", "id_from", "id_to", "made_from", "made_to")
)
_ALL: dict[str, Any] = {**_NONE, "place_at": STEPS[-1] + 365 * 24 * HOUR, "place_id": _LAST, "limit": 1000}


def _floor(at: datetime) -> uuid.UUID:
    milliseconds = round(at.timestamp() * 1000)
    return uuid.UUID(int=milliseconds << 80)


@dataclass(slots=True)
class Past:
    """A workspace with two jobs, whose rows were made by chance, and a neighbor with the same rows."""

    connection: Connection
    workspace_id: uuid.UUID
    job_ids: list[uuid.UUID]
    rows: list[dict[str, Any]]

    def wanted(self, asked: dict[str, Any]) -> list[tuple[uuid.UUID, datetime]]:
        """What a page contains."""

        def is_within(row: dict[str, Any]) -> bool:
            return (
                (asked["job_ids"] is None or row["job_id"] in asked["job_ids"])
                and asked["status"] in (None, row["status"])
                and (asked["after"] is None or row["scheduled_at"] > asked["after"])
                and (asked["before"] is None or row["scheduled_at"] < asked["before"])
                and (row["created_at"], row["id"]) < (asked["place_at"], asked["place_id"])
                and (asked["id_from"] is None or row["id"] >= _floor(asked["id_from"]))
                and (asked["id_to"] is None or row["id"] < _floor(asked["id_to"]))
                and (asked["made_from"] is None or row["created_at"] >= asked["made_from"])
                and (asked["made_to"] is None or row["created_at"] <= asked["made_to"])
            )

        found = sorted(((row["created_at"], row["id"]) for row in self.rows if is_within(row)), reverse=True)
        return [(execution_id, at) for at, execution_id in found[: asked["limit"]]]

    def page(self, asked: dict[str, Any]) -> list[tuple[uuid.UUID, datetime]]:
        """The page, its two parts merged as its caller merges them."""
        found = [
            (row["created_at"], row["execution_id"])
            for row in records(self.connection, _PAGE, {**asked, "workspace_id": self.workspace_id})
        ]
        assert len(found) <= 2 * asked["limit"]
        if asked["after"] is None and asked["before"] is None:
            assert found == sorted(found, reverse=True)
            assert len(found) <= asked["limit"]
        return [(execution_id, at) for at, execution_id in sorted({*found}, reverse=True)[: asked["limit"]]]


@pytest.fixture(scope="module")
def past(server: Server, template: str) -> Iterator[Past]:
    with cloned(server, template) as url, psycopg.connect(url, autocommit=True) as connection:
        chance = random.Random(11)
        made: list[Past] = []
        for _ in range(2):
            endpoint = add_endpoint(connection)
            job_ids = [make_cron_job(connection, endpoint) for _ in range(2)]
            rows = []
            for _ in range(700):
                created_at = chance.choice(STEPS) + chance.choice([-1, 0, 0, 1]) * MOMENT
                id_at = chance.choice(STEPS) + chance.choice([0, 1]) * timedelta(milliseconds=1)
                noise = chance.choice([0, chance.getrandbits(62)])
                job_id = chance.choice(job_ids)
                rows.append(
                    {
                        "id": uuid.UUID(int=_floor(id_at).int | noise),
                        "workspace_id": endpoint.workspace_id,
                        "job_id": job_id,
                        "endpoint_id": endpoint.endpoint_id,
                        "status": chance.choice(_STATUSES),
                        "scheduled_at": datetime.max.replace(tzinfo=UTC)  # as of an instant that has no distance
                        if chance.random() < 0.1
                        else created_at + chance.choice(_DISTANCES) + chance.choice([-1, 0, 0, 1]) * MOMENT,
                        "created_at": created_at,
                    }
                )
            rows = list({row["id"]: row for row in rows}.values())
            if made:  # ids are unique in the whole table
                taken = {row["id"] for row in made[0].rows}
                rows = [row for row in rows if row["id"] not in taken]
            connection.cursor().executemany(_ROW, rows)
            made.append(Past(connection=connection, workspace_id=endpoint.workspace_id, job_ids=job_ids, rows=rows))
        connection.execute("analyze kronos.execution_done")
        yield made[0]


def _edge(chance: random.Random) -> datetime:
    return chance.choice(STEPS) + chance.choice([-1, 0, 0, 1]) * MOMENT


def _asked(chance: random.Random, past: Past) -> dict[str, Any]:
    """Filters and bounds by chance, about half of them."""
    asked = dict(_ALL)
    choices: dict[str, Any] = {
        "job_ids": chance.choice([past.job_ids[:1], past.job_ids]),
        "status": chance.choice(_STATUSES),
        "after": _edge(chance) + chance.choice(_DISTANCES),
        "before": _edge(chance) + chance.choice(_DISTANCES),
        "id_from": chance.choice(STEPS) + chance.choice([0, 1]) * timedelta(milliseconds=1),
        "id_to": chance.choice(STEPS) + chance.choice([0, 1]) * timedelta(milliseconds=1),
        "made_from": _edge(chance),
        "made_to": _edge(chance),
    }
    for name, given in choices.items():
        if chance.random() < 0.35:
            asked[name] = given
    if chance.random() < 0.5:
        row = chance.choice(past.rows)
        asked |= {"place_at": row["created_at"], "place_id": row["id"]}
    return asked | {"limit": chance.choice([1, 5, 50, 1000])}


def test_pages_are_what_a_walk_over_all_rows_finds(past: Past) -> None:
    chance = random.Random(5)
    seen = empty = 0
    for _ in range(depth(250, deep=4_000)):
        asked = _asked(chance, past)
        wanted = past.wanted(asked)
        assert past.page(asked) == wanted, asked
        seen, empty = seen + bool(wanted), empty + (not wanted)
    assert seen > 100
    assert empty > 10


@pytest.mark.parametrize("bound", ["after", "before", "id_from", "id_to", "made_from", "made_to", "status", "job_ids"])
def test_each_filter_alone_cuts_where_it_says(past: Past, bound: str) -> None:
    edges = [step + each * MOMENT for step in STEPS[1:-1] for each in (-1, 0, 1)]
    of_ids = [step + each * timedelta(milliseconds=1) for step in STEPS[1:-1] for each in (0, 1)]
    values: dict[str, list[Any]] = {
        "status": list(_STATUSES),
        "job_ids": [past.job_ids[:1], past.job_ids, []],
        "id_from": of_ids,
        "id_to": of_ids,
    }
    sizes = set()
    for given in values.get(bound, edges):
        asked = _ALL | {bound: given}
        wanted = past.wanted(asked)
        assert past.page(asked) == wanted, asked
        sizes.add(len(wanted))
    assert 0 < max(sizes) <= len(past.rows)
    assert len(sizes) > 1


def test_the_place_in_the_list_is_where_the_page_before_ended(past: Past) -> None:
    found: list[tuple[uuid.UUID, datetime]] = []
    asked = _ALL | {"limit": 7}
    while page := past.page(asked):
        found += page
        asked |= {"place_at": page[-1][1], "place_id": page[-1][0]}
    assert found == past.wanted(_ALL)
    assert len(found) == len(past.rows)
