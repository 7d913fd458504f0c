"""The migration guides work as shown: docs/migrate/cron.md, pg_cron.md, kubernetes.md, eventbridge.md, celery-beat.md
and juspay-kronos.md, block by block. Stable output is compared."""

import io
import json
import re
import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from imports.conftest import Import
from imports.ticks import Connection, ticks

GUIDES = Path(__file__).parents[2] / "docs" / "migrate"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_STEP = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
_DATE = r"\d{4}-\d\d-\d\d \d\d:\d\d"


def blocks(page: str, language: str) -> list[str]:
    return [text for kind, text in _BLOCK.findall((GUIDES / page).read_text()) if kind == language]


def steps(page: str) -> Iterator[tuple[str, str]]:
    """Each command that a page shows, and its output."""
    for block in blocks(page, "console"):
        yield from _STEP.findall(block)


def is_like(shown: str, printed: str) -> bool:
    """Return whether the output matches the page. … stands for any text, alone on a line for any lines; dates and the
    widths of columns may differ."""
    pattern = ""
    for line in shown.splitlines():
        if line == "…":
            pattern += r"(?:.*\n)*?"
            continue
        text = re.sub(r"[ \t]+", " ", line.strip())
        escaped = re.escape(re.sub(_DATE, "DATE", text)).replace("DATE", _DATE).replace("…", ".*?")
        pattern += escaped.replace(r"\ ", " +") + r" *\n"
    return re.fullmatch(pattern, printed) is not None


def play(run: Import, page: str, workspace: str) -> None:
    """Run a page's commands in the current folder."""
    for command, shown in steps(page):
        program, *arguments = shlex.split(command)
        if program == "cat":
            Path(arguments[0]).write_text(shown)
            continue
        assert program == "kronos"
        done = run(*(workspace if each == "acme" else each for each in arguments))
        assert done.exit_code == 0, done.output
        printed = done.stdout + done.stderr
        assert is_like(shown, printed), f"{page}: {command}\nshown:\n{shown}\nprinted:\n{printed}"


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("cron.md", {"php-artisan-schedule-run", "report.sh"}),
        ("pg_cron.md", {"purge", "refresh"}),
        ("kubernetes.md", {"billing.report"}),
        ("eventbridge.md", {"invoices", "billing.closing"}),
    ],
)
def test_a_guide_makes_the_jobs_that_it_shows(
    run: Import,
    api: httpx.Client,
    workspace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    page: str,
    names: set[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    play(run, page, workspace)
    rows = api.get(f"/v1/workspaces/{workspace}/jobs", params={"status": "LIVE"}).json()["data"]
    assert {row["name"] for row in rows} == names


def code(page: str, number: int = 0) -> dict[str, Any]:
    """The namespace that a block of Python defines."""
    defined: dict[str, Any] = {"__name__": "guide"}
    exec(compile(blocks(page, "python")[number], f"{page} {number}", "exec"), defined)
    return defined


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    quiet = type("Quiet", (handler,), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/run"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_receiver_of_commands_runs_what_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNER_TOKEN", "a-token")
    with serving(code("cron.md")["Runner"]) as url:
        known = {"Authorization": "Bearer a-token"}
        body = {"command": "cat; echo $GREETING", "stdin": "line\n", "environment": {"GREETING": "hello"}}
        ran = httpx.post(url, json=body, headers=known, timeout=60)
        assert (ran.status_code, ran.text) == (200, "line\nhello\n")
        assert httpx.post(url, json={"command": "exit 3"}, headers=known, timeout=60).status_code == 500
        assert httpx.post(url, json={"command": "true"}, timeout=60).status_code == 403


def test_the_receiver_of_sql_runs_what_it_is_sent(
    superuser: psycopg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQL_RUNNER_DSN", database_url)
    superuser.execute("create table carts (stale boolean)")
    superuser.execute("insert into carts values (true), (true), (false)")
    with serving(code("pg_cron.md")["SqlRunner"]) as url:
        body = {"database": conninfo_to_dict(database_url)["dbname"], "username": "shop"}
        ran = httpx.post(url, json={**body, "sql": "delete from carts where stale"}, timeout=60)
        assert (ran.status_code, ran.text) == (200, "DELETE 2")
        assert httpx.post(url, json={**body, "sql": "vacuum carts"}, timeout=60).status_code == 200
        failed = httpx.post(url, json={**body, "sql": "delete from nothing"}, timeout=60)
        assert (failed.status_code, "nothing" in failed.text) == (500, True)


@pytest.fixture(autouse=True)
def sky(monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery's solar() needs ephem, which is not installed; no test here needs the time of sunset."""
    sky = SimpleNamespace(Observer=SimpleNamespace, Sun=SimpleNamespace)
    monkeypatch.setitem(sys.modules, "ephem", cast(ModuleType, sky))


def celery_jobs() -> tuple[list[dict[str, Any]], str]:
    """The example's jobs, and the messages about the rest."""
    translator, example = code("celery-beat.md"), code("celery-beat.md", 1)
    left = io.StringIO()
    with redirect_stderr(left):
        jobs = list(translator["jobs_of"](example["beat_schedule"], "celery", "Europe/Berlin"))
    return jobs, left.getvalue()


def test_entries_of_celery_beat_become_jobs(
    run: Import, workspace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs, left = celery_jobs()
    assert [job["name"] for job in jobs] == ["weekly-report", "poll", "workdays"]
    assert [job.get("cron") or job["every"] for job in jobs] == ["30 7 * * 1", "5m", "0,20,40 8,9,10 * * 0,1,2,5,6"]
    assert jobs[1]["deadline_seconds"] == 60
    assert re.findall(r"^left  ([\w-]+):", left, re.MULTILINE) == ["sunset", "first-monday"]
    monkeypatch.chdir(tmp_path)
    # next runs change their UTC offset with the season
    winter = [{**job, "timezone": "Etc/GMT-1"} if "cron" in job else job for job in jobs]
    Path("jobs.json").write_text(json.dumps(winter))
    play(run, "celery-beat.md", workspace)


def test_they_have_the_ticks_that_celery_gives_them(shared_superuser: Connection) -> None:
    """Over a year, compared with Celery's own crontab."""
    example = code("celery-beat.md", 1)["beat_schedule"]
    begin, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    for job in celery_jobs()[0]:
        if "cron" not in job:
            continue
        plan, at = example[job["name"]]["schedule"], begin - timedelta(minutes=1)
        expected = []
        while True:
            plan.nowfun = lambda now=at: now
            last, delta, _ = plan.remaining_delta(at, tz=UTC)
            if (at := last + delta) >= end:
                break
            expected.append(at)
        assert ticks(shared_superuser, {**job, "timezone": "UTC"}, begin, end) == expected
        assert len(expected) > 50


def test_jobs_of_juspay_kronos_are_made_as_they_were_meant(
    run: Import, api: httpx.Client, workspace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    translator = code("juspay-kronos.md")
    (answers,) = map(json.loads, blocks("juspay-kronos.md", "json"))
    with redirect_stderr(io.StringIO()) as left:
        jobs = list(translator["jobs_of"](answers["jobs"], as_it_ran=False))
    assert left.getvalue() == "left  5d0f6a3c-0000-4f0e-9a57-3c1d6f1f6a11: DELAYED, RETIRED\n"
    assert [translator["job_of"](answers["jobs"][0])["timezone"], jobs[0]["timezone"]] == ["UTC", "Asia/Kolkata"]
    made = api.post(f"/v1/workspaces/{workspace}/endpoints", json=translator["endpoint_of"](answers["endpoints"][0]))
    assert (made.status_code, made.json()["retry_policy"]["max_attempts"]) == (201, 3)
    monkeypatch.chdir(tmp_path)
    Path("jobs.json").write_text(json.dumps(jobs))
    play(run, "juspay-kronos.md", workspace)


def test_each_guide_is_in_the_index() -> None:
    index = (GUIDES / "README.md").read_text()
    pages = {page.name for page in GUIDES.glob("*.md")} - {"README.md"}
    assert {name for name in pages if f"({name})" in index} == pages
