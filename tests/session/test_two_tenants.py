"""Two tenants share a process and its few connections: requests interleave, fail and are cancelled at any point, and no
answer contains a word of the other tenant's.

With --deep 100,000 requests, and -s shows the progress.
"""

import asyncio
import json
import random
import sys
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Message

from depth import depth
from factory import add_key
from kronos import config
from kronos.api import app
from kronos.pool import Pool
from session.pooler import PROGRAM, pgbouncer
from sql_factory import Connection, records, values

_REQUESTS, _THROUGH_POOLER = depth(500, deep=100_000), depth(250, deep=25_000)
_AT_ONCE, _CONNECTIONS = 24, 3


@dataclass
class Tenant:
    """A workspace whose texts all contain its mark, which is its slug."""

    mark: str
    key: str
    jobs: list[str] = field(default_factory=list)

    def request(self, chance: random.Random, other: "Tenant") -> tuple[str, str, Any]:
        """A random request that a tenant sends, allowed or not: method, path, body."""
        base, name = f"/v1/workspaces/{self.mark}", f"{self.mark}.{chance.randrange(30)}"
        known = chance.choice(self.jobs) if self.jobs else name
        theirs = chance.choice(other.jobs) if other.jobs else str(uuid.UUID(int=1))
        cron = {"endpoint": self.mark, "trigger": "CRON", "cron": "5 4 * * *", "input": {"of": self.mark}}
        return chance.choice(
            (
                ("GET", f"{base}/jobs", None),
                ("GET", f"{base}/jobs?limit=3&include=input", None),
                ("GET", f"{base}/jobs/{known}", None),
                ("GET", f"{base}/jobs/{theirs}", None),
                ("GET", f"{base}/executions", None),
                ("GET", f"{base}/endpoints", None),
                ("GET", f"{base}/jobs/{known}/status", None),
                ("GET", base, None),
                ("GET", f"/v1/workspaces/{other.mark}/jobs", None),
                ("POST", f"{base}/jobs", cron | {"name": name}),
                ("POST", f"{base}/jobs", cron | {"cron": "61 * * * *"}),
                ("POST", f"{base}/jobs", cron | {"endpoint": other.mark}),
                ("POST", f"{base}/jobs", {"endpoint": self.mark, "trigger": "IMMEDIATE", "input": {"of": self.mark}}),
                ("POST", f"{base}/jobs", {"endpoint": self.mark, "trigger": "IMMEDIATE", "input": {"of": self.mark}}),
                ("POST", f"{base}/jobs:batch", {"jobs": [cron | {"title": self.mark}] * 2, "atomic": False}),
                ("PATCH", f"{base}/jobs/{known}", {"title": f"{self.mark} again"}),
                ("PATCH", f"{base}/jobs/{theirs}", {"title": f"{self.mark} stole it"}),
                ("POST", f"{base}/jobs/{known}/trigger", {"input": {"of": self.mark}}),
                ("POST", f"{base}/jobs/{theirs}/pause", {"note": self.mark}),
                ("DELETE", f"{base}/jobs/{theirs}", None),
                ("PUT", f"{base}/endpoints/{self.mark}", _ENDPOINT | {"title": self.mark}),
                ("POST", f"{base}/jobs", "not an object"),
            )
        )


_ENDPOINT = {"type": "HTTP", "spec": {"url": "http://127.0.0.1:9/"}}


async def ask(application: ASGIApp, method: str, path: str, key: str, body: Any) -> tuple[int, str]:
    """The status and the whole answer, including its headers."""
    sent: list[Message] = []
    content = b"" if body is None else json.dumps(body).encode()

    async def receive() -> Message:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    path, _, query = path.partition("?")
    headers = [(b"authorization", f"Bearer {key}".encode()), (b"content-type", b"application/json")]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "scheme": "http",
        "root_path": "",
    }
    await application(scope, receive, send)
    body_of = b"".join(each.get("body", b"") for each in sent[1:]).decode()
    return sent[0]["status"], f"{sent[0]['headers']}{body_of}"


@pytest.fixture
def tenants(superuser: Connection) -> tuple[Tenant, Tenant]:
    made = []
    for name in ("left", "right"):
        mark = f"{name}-{uuid.uuid4().hex[:12]}"
        superuser.execute("insert into kronos.workspaces (slug, name) values (%s, %s)", [mark, mark])
        made.append(Tenant(mark, add_key(superuser, mark, "admin")))
    return made[0], made[1]


@contextmanager
def reached(how: str, superuser: Connection, url: str) -> Iterator[str]:
    """The database's URL: its own, or that of a pgbouncer in session mode."""
    if how == "directly":
        yield url
        return
    name = f"app_{uuid.uuid4().hex[:8]}"
    superuser.execute(f"create role {name} login password 'test-only' in role kronos_api")
    with ExitStack() as stack:
        stack.callback(superuser.execute, f"drop role {name}")
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kronos-pooler-")))
        yield stack.enter_context(pgbouncer(directory, url, mode="session", user=name, password="test-only"))


_NO_POOLER = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed: apt install pgbouncer")


@pytest.mark.parametrize("how", ["directly", pytest.param("through pgbouncer", marks=_NO_POOLER)])
async def test_no_answer_has_a_word_of_another_tenants_whatever_was_cut_off_before_it(
    superuser: Connection, database_url: str, tenants: tuple[Tenant, Tenant], how: str
) -> None:
    count = _REQUESTS if how == "directly" else _THROUGH_POOLER
    with reached(how, superuser, database_url) as url:
        settings = config.load(
            database_url=url, database_pool_size=_CONNECTIONS, request_seconds=240, egress_allow="127.0.0.0/8"
        )
        application = app.create(settings)
        async with application.router.lifespan_context(application):
            for tenant in tenants:
                path = f"/v1/workspaces/{tenant.mark}/endpoints"
                status, told = await ask(application, "POST", path, tenant.key, {"name": tenant.mark, **_ENDPOINT})
                assert status == 201, told
            outcomes = await fuzz(application, tenants, count)
            await settled(application.state.context.pool)
    assert sum(outcomes.values()) == count
    assert outcomes["cut off"] > count / 20
    assert min(outcomes[200], outcomes[201], outcomes[404], outcomes[422]) > count / 100, outcomes
    assert outcomes[500] == 0
    for tenant, other in (tenants, tenants[::-1]):
        assert foreign(superuser, tenant.mark, other.mark) == []


async def fuzz(application: ASGIApp, tenants: tuple[Tenant, Tenant], count: int) -> Counter[int | str]:
    chance, outcomes = random.Random(20261129), Counter[int | str]()
    left = iter(range(count))

    async def go_on() -> None:
        for number in left:
            if number and number % 5000 == 0:
                sys.stdout.write(f"{number} of {count}: {dict(outcomes)}\n")
                sys.stdout.flush()
            tenant, other = tenants if chance.random() < 0.5 else tenants[::-1]
            method, path, body = tenant.request(chance, other)
            asked = asyncio.create_task(ask(application, method, path, tenant.key, body))
            if chance.random() < 0.25:
                for _ in range(chance.randrange(40)):
                    await asyncio.sleep(0)
                if chance.random() < 0.7:
                    await asyncio.sleep(chance.random() * 0.004)
                asked.cancel()
            try:
                async with asyncio.timeout(120):  # each is answered within a minute, or was cancelled
                    status, told = await asked
            except asyncio.CancelledError:
                outcomes["cut off"] += 1
                continue
            outcomes[status] += 1
            # The caller itself named the other tenant when it asked for its workspace.
            told = told.replace(f'"instance":"/v1/workspaces/{other.mark}', "").replace(f"'{other.mark}'", "")
            named = path.split("?")[0].split("/")[3] == other.mark or (
                isinstance(body, dict) and other.mark in str(body)
            )
            assert other.mark not in told or (named and status in (404, 422)), (method, path, status, told)
            if status == 201 and path.endswith("/jobs") and len(tenant.jobs) < 200:
                tenant.jobs.append(json.loads(told[told.index('{"job_id"') :])["job_id"])
            if status == 200 and method == "GET" and path.endswith("/jobs"):
                rows = json.loads(told[told.index('{"data"') :])["data"]
                assert {row["workspace"] for row in rows} <= {tenant.mark}

    await asyncio.gather(*(go_on() for _ in range(_AT_ONCE)))
    return outcomes


async def settled(pool: Pool) -> None:
    """Every connection of the pool is like a new one: in no workspace, in no transaction."""
    async with pool.connection() as first, pool.connection() as second, pool.connection() as third:
        for connection in (first, second, third):
            assert connection.info.transaction_status.name == "IDLE"
            found = await connection.execute(
                "select nullif(current_setting('kronos.workspace_id', true), ''),"
                " nullif(current_setting('kronos.instance_admin', true), '')"
            )
            assert await found.fetchall() == [(None, None)]


def foreign(superuser: Connection, slug: str, mark: str) -> list[Any]:
    """Rows of one workspace that contain the other's mark."""
    tables = values(
        superuser,
        "select relname from pg_class join pg_attribute on attrelid = pg_class.oid and attname = 'workspace_id'"
        " where relnamespace = 'kronos'::regnamespace and relkind in ('r', 'p') and not relispartition",
    )
    assert len(tables) > 20
    found: list[Any] = []
    for table in tables:
        found += records(
            superuser,
            f"select each::text from kronos.{table} as each"
            " where workspace_id = (select workspace_id from kronos.workspaces where slug = %s)"
            " and strpos(each::text, %s) > 0",
            [slug, mark],
        )
    return found
