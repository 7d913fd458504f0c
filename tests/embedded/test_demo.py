"""`kronos up --demo` as a new user meets it, started once in a shell that names another server: the README's tour works
as printed, doctor finds no fault, the demo's ticks are delivered, and a second run continues."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import expect

import quick
from dashboard.browser import chromium, watched
from embedded.conftest import Up, made_home, processes_of, starting
from embedded.shells import OF_ANOTHER_SERVER, kronos, quick_kronos
from embedded.stopping import stops_all_of_it
from embedded.waiting import eventually
from kronos.cli.demo import ENDPOINT
from sql_factory import Connection, value
from terminal import Step, Terminal, as_shown, steps_of

pytestmark = pytest.mark.pg_cron

ROOT = Path(__file__).parents[2]
# The tour's job runs at 03:30 UTC on Mondays and then at 04:00 on weekdays. What the tour shows holds at another time:
# its job has not run by itself, and the reaper, which leaves alone what is due soon, restores its entry.
_NEAR = range(2, 5)
_HALF_A_DAY_LATER = (
    ("0 9 * *", "0 21 * *"),  # also in 30 9 * *
    ("At 09:", "At 21:"),
    ("T09:30:00+05:30", "T21:30:00+05:30"),
    ("30 3 * *", "30 15 * *"),
    ("0 4 * *", "0 16 * *"),
    ("T03:30:00Z", "T15:30:00Z"),
    ("T04:00:00Z", "T16:00:00Z"),
)


def tour_at(hour: int) -> str:
    """The README's tour, at this hour in UTC. While its job is about to run, the tour of half a day later."""
    tour = (ROOT / "README.md").read_text().partition("## A tour")[2].partition("\n## ")[0]
    for now, later in _HALF_A_DAY_LATER if hour in _NEAR else ():
        assert now in tour, now
        tour = tour.replace(now, later)
    return tour


def steps() -> list[Step]:
    """The commands of the tour's console blocks, in order."""
    tour = tour_at(datetime.now(UTC).hour)
    blocks = re.findall(r"^```console\n(.*?)^```", tour, re.MULTILINE | re.DOTALL)
    return [step for block in blocks for step in steps_of(block)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """A first `kronos up --demo`, and the folder in which commands find the running instance."""

    up: Up
    start: Callable[..., Up]
    data_home: Path


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The tests below run in order, and use what the earlier ones created."""
    with made_home() as home, starting(home) as start:
        data_home = tmp_path_factory.mktemp("data")
        (data_home / "kronos").symlink_to(home)
        running = start("--demo", **OF_ANOTHER_SERVER)
        running.await_ready()
        yield Demo(up=running, start=start, data_home=data_home)


@pytest.fixture
def terminal(demo: Demo) -> Iterator[Terminal]:
    """A terminal in the checkout, with this environment's commands, and with the instance in the default home."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("KRONOS_", "PG"))}
    path = f"{quick.folder()}:{Path(sys.executable).parent}:{environment['PATH']}"
    variables = {**environment, "PATH": path, "XDG_DATA_HOME": str(demo.data_home)}
    opened = Terminal(folder=ROOT, environment=variables)
    yield opened
    opened.close()


def test_the_tours_job_does_not_run_soon_at_any_hour_of_any_day(shared_superuser: Connection) -> None:
    for hour in range(24):
        crons = re.findall(r"--cron '([0-9]+ [0-9]+ \* \* [0-9-]+)'", tour_at(hour))
        assert len(crons) == 2, "created and edited"
        soonest = value(
            shared_superuser,
            "select min(kronos.next_tick(kronos.read_schedule(cron, null, null, 'Asia/Kolkata', 'SHIFT', 'FIRST'), at)"
            " - at)"
            " from unnest(%s::text[]) as cron, generate_series(0, 6) as day,"
            " unnest(array['0 s', '59 min 59 s']::interval[]) as past,"
            " lateral (select %s::timestamptz + day * interval '1 day' + past as at) as looked",
            [crons, datetime(2026, 11, 30, hour, tzinfo=UTC)],
        )
        assert soonest > timedelta(minutes=90), hour


def test_the_tour_says_what_the_readme_shows(demo: Demo, terminal: Terminal) -> None:
    start, *rest = steps()
    assert start.command == "bin/up"
    running = demo.up

    def said() -> list[str]:
        text = running.said() + (running.home / "up.out").read_text()
        return as_shown(text.replace(str(running.home), "/home/ada/.local/share/kronos").splitlines())

    # The last line is the first full minute's tick, for which a test below waits.
    for line in as_shown(start.shown)[:-1]:
        eventually(lambda: line in said(), lambda: f"kronos up does not say {line!r}: {said()}", seconds=60)  # noqa: B023
    export, create, *more = rest
    follow([export, create], terminal)
    assert terminal.run("command -v kronos").lines == [str(ROOT / ".venv" / "bin" / "kronos")], "the tour's own PATH"
    terminal.run(f"PATH={quick.folder()}:$PATH")  # what was executed once is forked from here on
    follow(more, terminal)


def follow(tour: list[Step], terminal: Terminal) -> None:
    """Type each command, and expect the output that the page shows."""
    for step in tour:
        shown = as_shown(step.shown)

        def says(step: Step = step) -> list[str]:
            return as_shown(terminal.run(step.command).lines)

        if step.command.startswith("kronos execution ls"):  # the worker delivers at the same time
            eventually(lambda: says() == shown, f"{step.command} does not come to {shown}")  # noqa: B023
        else:
            assert says() == shown, step.command


def test_kronos_up_and_its_children_never_see_variables_of_another_server(demo: Demo) -> None:
    children = demo.up.children()
    assert {"api", "worker", "postgres"} <= set(children)
    for pid in children.values():
        names = {entry.split(b"=", 1)[0].decode() for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")}
        assert names & OF_ANOTHER_SERVER.keys() == set()
    log = demo.up.home / "log" / "worker-1.log"
    eventually(lambda: "FAILED" not in (text := log.read_text()) and "started" in text, "the worker")
    # The running instance is found without a URL, and none of these variables affects the connection to it.
    for command in (("next", "0 9 * * *"), ("retention", "run", "--dry-run")):
        ended = kronos(*command, XDG_DATA_HOME=str(demo.data_home), **OF_ANOTHER_SERVER)
        assert ended.returncode == 0, (command, ended.stdout, ended.stderr)
        assert ended.stderr == ""


def jobs(up: Up) -> dict[str, str]:
    """The jobs of the demo's workspace, from the API: name -> id. None while the workspace is not there."""
    key = Path(str(up.told["admin_key_file"])).read_text().strip()
    request = urllib.request.Request(f"{up.url}/v1/workspaces/demo/jobs", headers={"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return {job["name"]: job["job_id"] for job in json.load(response)["data"]}
    except urllib.error.HTTPError as error:
        if error.code != HTTPStatus.NOT_FOUND:
            raise
        return {}


def test_a_job_that_is_made_on_the_page_is_seen_firing_by_pg_cron_on_the_open_page(demo: Demo) -> None:
    made = "from-the-page"
    with chromium() as browser, watched(browser, demo.up.url) as watching:
        page = watching.page
        watching.go("/w/demo/jobs")
        page.get_by_role("textbox", name="Key").fill(Path(str(demo.up.told["admin_key_file"])).read_text().strip())
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="New job").click()
        page.get_by_label("Name", exact=True).fill(made)
        page.get_by_label("Endpoint", exact=True).fill(ENDPOINT)
        page.locator("input[name=way][value=cron]").check()
        page.locator("input[name='/cron']").fill("* * * * *")
        expect(page.locator("#preview li")).to_have_count(10)
        page.get_by_role("button", name="Create the job").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(made)
        page.evaluate("window.stays = true")
        run = page.locator("section[aria-labelledby=executions] tbody tr").last
        # the coming full minute, however close: pg_cron reads its entries once a minute
        expect(run).to_contain_text("success", timeout=180_000)
        expect(run).to_contain_text("schedule")
        assert page.evaluate("window.stays")  # the page was not reloaded
        run.get_by_role("link").click()
        expect(page.locator("main")).to_contain_text("200")
        assert watching.wrong == []
    with psycopg.connect(str(demo.up.told["database_url"]), autocommit=True) as connection:

        def rings() -> set[str]:
            found = connection.execute(
                "select run.status from cron.job_run_details as run join cron.job using (jobid)"
                " join kronos.jobs on jobname = 'kronos:' || job_id where name = %s",
                [made],
            )
            return {status for (status,) in found.fetchall()}

        # an entry that was created as the minute changed rings at its next one
        eventually(lambda: rings() >= {"succeeded"}, lambda: f"pg_cron's runs: {rings()}", seconds=150)
        assert rings() <= {"succeeded", "starting", "running", "sending"}


def test_within_70_s_a_tick_fires_and_is_delivered(demo: Demo) -> None:
    shown = demo.up.home / "up.out"
    for line in (
        r"right-away +delivered \d+\.\d{3} s after",
        r"in-ten-seconds +delivered \d+\.\d{3} s after",
        r"every-minute +fired in PostgreSQL \d+\.\d{3} s, delivered \d+\.\d{3} s after \d\d:\d\d:00.000Z, attempt 1",
    ):
        pattern = re.compile(line)
        eventually(lambda: pattern.search(shown.read_text()), lambda: f"no line {line}: {demo.up.said()}", seconds=70)  # noqa: B023


def test_doctor_finds_no_fault_and_a_run_is_explained(demo: Demo) -> None:
    here = {"XDG_DATA_HOME": str(demo.data_home), **OF_ANOTHER_SERVER}
    # Jobs that are due in the first minute get their entry once they have run.
    eventually(lambda: quick_kronos("doctor", "--json", **here).returncode == 0, "doctor finds fault", seconds=150)
    looks: list[subprocess.CompletedProcess[str]] = []

    def is_well() -> bool:
        """As a shell starts it. A minute that has just begun may be seen at work."""
        looks.append(kronos("doctor", "--json", **here))
        assert looks[-1].stderr == ""
        return looks[-1].returncode == 0

    eventually(is_well, lambda: f"doctor finds fault: {looks[-1].stdout}")
    found = json.loads(looks[-1].stdout)
    assert [each for each in found["findings"] if not each["ok"]] == []
    assert found["ok"]

    options = ("--workspace", "kronos-system", "--key-file", str(demo.up.told["admin_key_file"]), "--json")

    def has_run() -> bool:
        answer = json.loads(quick_kronos("job", "explain", "reaper", *options, KRONOS_URL=demo.up.url).stdout)
        return bool(answer["decision"] == "RAN")

    eventually(has_run, "the reaper's run is not explained", seconds=90)


def test_a_second_run_goes_on_and_nothing_outlives_it(demo: Demo) -> None:
    shown_once = {"right-away", "in-ten-seconds", "every-minute"}  # and those of the tests above
    eventually(lambda: jobs(demo.up).keys() >= shown_once, "the first run does not create the jobs")
    made = jobs(demo.up)
    stops_all_of_it(demo.up, signal.SIGTERM)

    again = demo.start("--demo")
    again.await_ready()
    shown = demo.up.home / "up.out"
    eventually(lambda: shown.read_text().count("(from an earlier run, ") == 3, "the second run does not find the jobs")
    assert jobs(again) == made
    again.process.kill()
    again.process.wait()
    eventually(lambda: not processes_of(again.home), lambda: f"these outlive it: {processes_of(again.home)}")


@pytest.fixture
def bare_machine(request: pytest.FixtureRequest) -> Iterator[str]:
    """A container of plain Debian with Python, and a checkout in /kronos; its name."""
    if not request.config.getoption("--containers"):
        pytest.skip("needs Docker: run with --containers")
    name = f"kronos-tour-{os.getpid()}"
    # The host's network: if a package mirror is configured for the host, its address works here too.
    subprocess.run(
        [
            "docker",
            "run",
            "--rm",
            "--detach",
            "--network",
            "host",
            "--name",
            name,
            "debian:trixie-slim",
            "sleep",
            "1800",
        ],
        check=True,
    )
    try:
        archive = subprocess.run(["git", "-C", str(ROOT), "archive", "HEAD"], check=True, capture_output=True).stdout
        subprocess.run(
            ["docker", "exec", name, "sh", "-c", "apt-get update -qq && apt-get install -y -qq python3"], check=True
        )
        subprocess.run(
            ["docker", "exec", "--interactive", name, "sh", "-c", "mkdir /kronos && tar -x -C /kronos"],
            input=archive,
            check=True,
        )
        yield name
    finally:
        subprocess.run(["docker", "rm", "--force", name], check=True)


def test_the_tour_works_on_a_bare_machine(bare_machine: str) -> None:
    subprocess.run(
        ["docker", "exec", "--detach", bare_machine, "sh", "-c", "cd /kronos && bin/up --port 0 > up.out 2>&1"],
        check=True,
    )

    def said() -> str:
        return subprocess.run(
            ["docker", "exec", bare_machine, "cat", "/kronos/up.out"], check=True, capture_output=True, text=True
        ).stdout

    eventually(lambda: re.search("right-away +delivered", said()), "nothing is delivered", seconds=600)
    terminal = Terminal("docker", "exec", "--interactive", "--workdir", "/kronos", bare_machine, "bash", folder=ROOT)
    try:
        follow(steps()[1:], terminal)
    finally:
        terminal.close()
