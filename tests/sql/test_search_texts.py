"""q is searched in one text per row, whoever wrote the row. Lists find what a plain search of names, titles and
descriptions finds. Rows from an earlier release, which have no text, are found until the reaper has added it.
"""

import random
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import TypeAlias

import psycopg
import pytest

from conftest import cloned
from depth import depth
from factory import EndpointRow, add_endpoint
from servers import Server
from sql.plans import told_plans
from sql_factory import Connection, acting_as, make_cron_job, records, value, values

_LETTERS = "abzABZ019.-_ %\\äÄßẞİıΣςéÉ日本🦊'\"\n"
_TITLES = ["Bericht für Köln", "ΣΊΣΥΦΟΣ", "İstanbul", "100 % of_it", "a\\b", "日本 🦊", "Straße", "x"]
_FIND = {
    "created": "select job_id from kronos.find_jobs(%(endpoint)s, %(trigger)s, %(status)s, %(tag)s, %(q)s,"
    " %(after)s, %(until)s, %(place_at)s, %(place_id)s, 1000)",
    "name": "select job_id from kronos.sorted_jobs('name', %(endpoint)s, %(status)s, %(tag)s, %(q)s,"
    " %(after)s, %(until)s, null, null, null, 1000)",
    "next_run": "select job_id from kronos.sorted_jobs('next_run', %(endpoint)s, %(status)s, %(tag)s, %(q)s,"
    " %(after)s, %(until)s, null, null, null, 1000)",
}
_PLAIN = """
select job_id
  from kronos.jobs as job
 where job.workspace_id = %(workspace_id)s
   and job.status = %(status)s
   and job.trigger = %(trigger)s
   and (%(after)s::timestamptz is null or job.created_at > %(after)s)
   and (%(until)s::timestamptz is null or job.created_at < %(until)s)
   and (%(place_at)s::timestamptz is null or (job.created_at, job.job_id) < (%(place_at)s, %(place_id)s::uuid))
   and (%(endpoint)s::text is null or job.endpoint_id = (select endpoint.endpoint_id from kronos.endpoints as endpoint
                                                          where endpoint.workspace_id = job.workspace_id
                                                            and endpoint.name = %(endpoint)s))
   and (%(tag)s::text is null or job.tags @> array[%(tag)s])
   and (strpos(lower(job.name), lower(%(q)s)) > 0 or strpos(lower(job.title), lower(%(q)s)) > 0
        or strpos(lower(job.description), lower(%(q)s)) > 0)
"""
_ONE_SHOT = """
insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, run_at, title, tags)
values (%(id)s, %(id)s, %(workspace)s, %(endpoint)s, 'DELAYED', now() + interval '1 day', %(title)s, %(tags)s)
returning search_text
"""
_BARE = "search_text is null and num_nonnulls(name, title, description) > 0"
_MAKE_BARE = "update kronos.jobs set search_text = null"


Asked: TypeAlias = dict[str, str | datetime | uuid.UUID | None]


def one_shot(connection: Connection, endpoint: EndpointRow, title: str | None, tags: list[str]) -> str | None:
    """Insert a one-shot, which has no name and no description. Return its search text."""
    known = {"id": uuid.uuid4(), "workspace": endpoint.workspace_id, "endpoint": endpoint.endpoint_id}
    noted: str | None = value(connection, _ONE_SHOT, known | {"title": title, "tags": tags})
    return noted


class Searched:
    """A workspace's jobs with arbitrary names and titles."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        endpoint = add_endpoint(connection)  # its name is digits, which no q here matches
        other = add_endpoint(connection, endpoint.workspace_id)
        self.workspace_id = endpoint.workspace_id
        self.endpoint = value(
            connection, "select name from kronos.endpoints where endpoint_id = %s", [other.endpoint_id]
        )
        chance = random.Random(3)
        for number in range(60):
            make_cron_job(
                connection,
                chance.choice([endpoint, other]),
                cron=chance.choice(["* * * * *", "7 5 * * 1", "0 0 1 1 *"]),
                name=chance.choice([None, f"Job-{number}", f"nightly_{number}.b"]),
                title=chance.choice([None, *_TITLES]),
                tags=chance.choice([[], ["t1"]]),
                status=chance.choice(["ACTIVE", "ACTIVE", "PAUSED"]),
            )
        for number in range(20):
            one_shot(
                connection, chance.choice([endpoint, other]), chance.choice([None, *_TITLES]), [["t1"], []][number % 2]
            )
        elsewhere = add_endpoint(connection)
        for title in _TITLES:
            make_cron_job(connection, elsewhere, name=f"Job-{title.encode().hex()}", title=title)
        listed = "select created_at, job_id from kronos.jobs where workspace_id = %s order by 1, 2"
        self.places = records(connection, listed, [self.workspace_id])[::15]
        self.texts = values(
            connection,
            "select unnest(array[name, title, description]) from kronos.jobs where workspace_id = %s",
            [self.workspace_id],
        )
        self.texts = sorted({each for each in self.texts if each})

    def plain(self, asked: Asked) -> set[uuid.UUID]:
        return set(values(self.connection, _PLAIN, asked | {"workspace_id": self.workspace_id}))

    def found(self, sort: str, asked: Asked) -> set[uuid.UUID]:
        with self.connection.transaction(), acting_as(self.connection, "kronos_api"):
            self.connection.execute("select set_config('kronos.workspace_id', %s, true)", [str(self.workspace_id)])
            rows = values(self.connection, _FIND[sort], asked)
        assert len(rows) == len(set(rows))
        return set(rows)


@pytest.fixture(scope="module")
def searched(server: Server, template: str) -> Iterator[Searched]:
    with cloned(server, template) as url, psycopg.connect(url, autocommit=True) as connection:
        yield Searched(connection)


def _asked(searched: Searched, chance: random.Random) -> Asked:
    text = chance.choice(searched.texts)
    at = chance.randrange(len(text))
    piece = text[at : at + chance.choice([1, 2, 5, 200])]
    place = chance.choice([{"created_at": None, "job_id": None}] * 3 + searched.places[1:])
    q = chance.choice([piece, piece.upper(), piece.lower(), "".join(chance.choices(_LETTERS, k=chance.choice([1, 2])))])
    return {
        "q": chance.choice([q, q, q, f"{text}\n{q}", (q * 200)[:200]]),
        "endpoint": chance.choice([None, None, searched.endpoint]),
        "tag": chance.choice([None, "t1"]),
        "status": chance.choice(["ACTIVE", "ACTIVE", "PAUSED"]),
        "trigger": chance.choice(["CRON", "CRON", "DELAYED"]),
        "after": chance.choice([None, None, searched.places[1]["created_at"]]),
        "until": chance.choice([None, None, searched.places[3]["created_at"]]),
        "place_at": place["created_at"],
        "place_id": place["job_id"],
    }


def _without_other_finds(searched: Searched, asked: Asked) -> bool:
    """Whether q matches no endpoint's name, tag or id, which the plain search ignores."""
    names = [*values(searched.connection, "select name from kronos.endpoints"), "t1"]
    return not any(str(asked["q"]).lower() in each.lower() for each in names)


@pytest.mark.parametrize("of", ["rows of now", "rows of a release before", "some of each"])
def test_lists_find_what_a_plain_look_finds(searched: Searched, of: str) -> None:
    chance, met = random.Random(of), 0
    with searched.connection.transaction(force_rollback=True):
        if of != "rows of now":
            which = "true" if of == "rows of a release before" else "abs(hashtext(job_id::text)) % 2 = 0"
            searched.connection.execute(f"{_MAKE_BARE} where {which}".encode())
            assert value(searched.connection, f"select count(*) from kronos.jobs where {_BARE}") > 0
        for _ in range(depth(100, deep=140)):
            asked = _asked(searched, chance)
            if not _without_other_finds(searched, asked):
                continue
            wanted = searched.plain(asked)
            met += bool(wanted)
            for sort in _FIND if asked["trigger"] == "CRON" and asked["place_at"] is None else ["created"]:
                assert searched.found(sort, asked) == wanted, (sort, asked)
    assert met > 10


def test_a_row_has_its_text_however_it_is_written(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    job_id = make_cron_job(superuser, endpoint, name="Nightly", title="ÄRGER")
    text = "select search_text from kronos.jobs where job_id = %s"
    assert value(superuser, text, [job_id]) == "nightly\närger\nevery minute"
    superuser.execute("update kronos.jobs set title = 'Ruhe' where job_id = %s", [job_id])
    assert value(superuser, text, [job_id]) == "nightly\nruhe\nevery minute"
    with superuser.transaction():
        superuser.execute("set local session_replication_role = replica")  # as logical replication writes
        copied = make_cron_job(superuser, endpoint, title="Kopie")
    assert value(superuser, text, [copied]) == "\nkopie\nevery minute"
    assert [one_shot(superuser, endpoint, title, ["t1"]) for title in ("Einmal", None)] == ["\neinmal\n", None]


def _noted(connection: Connection) -> bool:
    return bool(value(connection, "select kronos.note_search_texts('-infinity')"))


def _bare(connection: Connection) -> int:
    return int(value(connection, f"select count(*) from kronos.jobs where {_BARE}"))


@pytest.fixture
def of_before(superuser: Connection) -> EndpointRow:
    """450 rows from an earlier release, without search texts."""
    endpoint = add_endpoint(superuser)
    job_id = make_cron_job(superuser, endpoint, name="first")
    superuser.execute(
        """
        insert into kronos.jobs (job_id, first_version_id, workspace_id, endpoint_id, trigger, cron, timezone, schedule,
                                 alarm, description, name)
        select made.id, made.id, workspace_id, endpoint_id, 'CRON', cron, timezone, schedule, alarm, description,
               'job-' || n
          from kronos.jobs
         cross join generate_series(1, 449) as n
         cross join lateral (select gen_random_uuid() as id where n > 0) as made
         where jobs.job_id = %s
        """,
        [job_id],
    )
    superuser.execute(f"{_MAKE_BARE} where workspace_id = %s".encode(), [endpoint.workspace_id])
    return endpoint


def test_the_reaper_gives_rows_of_before_their_texts_in_steps(superuser: Connection, of_before: EndpointRow) -> None:
    superuser.execute("truncate kronos.audit_pending")
    assert (_noted(superuser), _bare(superuser)) == (True, 250)
    assert (_noted(superuser), _bare(superuser)) == (True, 50)
    assert (_noted(superuser), _bare(superuser)) == (False, 0)
    texts = "select distinct search_text = name || E'\n\nevery minute' from kronos.jobs where workspace_id = %s"
    assert values(superuser, texts, [of_before.workspace_id]) == [True]
    assert records(superuser, "select * from kronos.audit_pending") == []  # it changes no job


def test_rows_that_have_one_of_the_three_alone_get_their_texts_and_others_none(superuser: Connection) -> None:
    endpoint = add_endpoint(superuser)
    for _ in range(200):  # as many as a step takes
        one_shot(superuser, endpoint, None, ["t1"])
    made = {}
    for alone, text in {"name": "a\n\n", "title": "\na\n", "description": "\n\na"}.items():
        made[make_cron_job(superuser, endpoint)] = text
        others = ", ".join(f"{each} = {'%s' if each == alone else 'null'}" for each in ("name", "title", "description"))
        with superuser.transaction():
            superuser.execute("set local session_replication_role = replica")  # only one-shots may lack these columns
            superuser.execute("alter table kronos.jobs disable trigger user")
            superuser.execute(f"update kronos.jobs set {others} where job_id = %s".encode(), ["A", list(made)[-1]])
            superuser.execute("alter table kronos.jobs enable trigger user")
    superuser.execute(_MAKE_BARE.encode())
    texts = records(superuser, "select job_id, search_text from kronos.jobs where job_id = any (%s)", [list(made)])
    assert {each["job_id"] for each in texts if each["search_text"] is None} == made.keys()
    assert (_noted(superuser), _bare(superuser)) == (False, 0)
    texts = records(superuser, "select job_id, search_text from kronos.jobs where job_id = any (%s)", [list(made)])
    assert {each["job_id"]: each["search_text"] for each in texts} == made
    assert value(superuser, "select count(*) from kronos.jobs where search_text is null") == 200


def test_a_row_that_is_held_gets_its_text_later(
    superuser: Connection, database_url: str, of_before: EndpointRow
) -> None:
    with psycopg.connect(database_url) as holding:
        holding.execute("select from kronos.jobs where name = 'first' for update")
        while _bare(superuser) > 1:
            assert _noted(superuser)
        assert _noted(superuser)
        holding.rollback()
    assert (_noted(superuser), _bare(superuser)) == (False, 0)


def test_a_run_of_the_reaper_does_it_and_tells_no_failure(superuser: Connection, of_before: EndpointRow) -> None:
    counts = value(superuser, "select kronos.reap()")
    assert "errors" not in counts
    assert _bare(superuser) < 450


def test_a_text_that_no_job_has_reads_no_job(superuser: Connection, of_before: EndpointRow) -> None:
    assert value(superuser, "select kronos.note_search_texts('infinity')") is False  # it continues while it has time
    assert _bare(superuser) == 0
    superuser.execute("vacuum analyze kronos.jobs")
    with told_plans(superuser) as plans:
        superuser.execute("select set_config('kronos.workspace_id', %s, true)", [str(of_before.workspace_id)])
        found = values(
            superuser,
            "select job_id from kronos.find_jobs(null, null, null, null, 'no such', null, null, null, null, 50)",
        )
    assert found == []
    (search,) = [plan for plan in plans if "v_text in" in plan]
    assert "Index Only Scan Backward using jobs_searched" in search
    assert not any("lower(job.title)" in plan for plan in plans)  # no rows of earlier releases are left
