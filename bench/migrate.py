"""How long an upgrade blocks others: `kronos migrate` on a filled database, while canaries read and write each hot
table every 20 ms. `python -m bench.migrate`

The release of each --from (a commit; with its own `kronos migrate`) creates the database. It is filled by SQL and
upgraded to this release. A table's longest wait is that of one read or write, from sending to the answer. The last
upgrade of each is repeated on the upgraded database, like a release that changes no table.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
import psycopg

from bench import common, history
from bench.common import ENDPOINT, WORKSPACE, Instance
from kronos import migrations
from kronos.embedded.cluster import Cluster

_ROOT = Path(__file__).resolve().parents[1]
_EVERY_SECONDS = 0.02
# The tables that requests, rings and deliveries use all the time. A write changes nothing, but takes a write's lock.
_HOT = ("workspaces", "endpoints", "endpoint_gate", "jobs", "pointers", "execution_live", "execution_done", "attempt")
_SEED = common.with_endpoint(
    "insert into kronos.workspaces (slug, name) values (%(workspace)s, 'Benchmarks') returning workspace_id",
    "%(endpoint)s",
)


@dataclass(slots=True)
class Canary:
    """Reads and writes one table repeatedly: the longest time of a statement, and when it began."""

    url: str
    table: str
    longest: dict[str, float] = field(default_factory=lambda: {"read": 0.0, "write": 0.0})
    looks: int = 0

    def sing(self, until: threading.Event) -> None:
        """Run until told to end. No trigger is called, so that only the lock is waited for."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("set session_replication_role = replica")
            (column,) = connection.execute(
                "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped "
                "order by attnum limit 1",
                [f"kronos.{self.table}"],
            ).fetchone() or ("",)
            texts = {
                "read": f"select {column} from kronos.{self.table} limit 1",
                "write": f"update kronos.{self.table} set {column} = {column} "
                f"where {column} = '00000000-0000-0000-0000-000000000000'",
            }
            while not until.is_set():
                began = time.monotonic()
                for name, text in texts.items():
                    sent = time.monotonic()
                    connection.execute(text.encode())
                    self.longest[name] = max(self.longest[name], time.monotonic() - sent)
                self.looks += 1
                until.wait(max(0.0, _EVERY_SECONDS - (time.monotonic() - began)))


@contextmanager
def release(commit: str) -> Iterator[Path]:
    """Provide the files of an earlier release."""
    made = subprocess.run(
        ["git", "archive", commit, "kronos", "sql", "alembic"], cwd=_ROOT, capture_output=True, check=True
    )
    with tempfile.TemporaryDirectory(prefix="kronos-release-") as directory:
        # tarfile has its filters only from 3.11.4 on, and Debian's Python is 3.11.2
        subprocess.run(["tar", "--extract", f"--directory={directory}"], input=made.stdout, check=True)
        yield Path(directory)


def migrate(one: Instance, directory: Path) -> float:
    """Return the seconds that `kronos migrate` of the release in `directory` took. An exit status of 1 is not a
    failure, because filling removes pg_cron's launcher: the revision decides."""
    began = time.monotonic()
    made = subprocess.run(
        [sys.executable, "-m", "kronos", "migrate"], cwd=directory, env=one.environment(), check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    newest = max(path.name[:4] for path in (directory / "alembic" / "versions").glob("[0-9]*.py"))
    if migrations.current(one.url) != newest:
        raise RuntimeError(f"the database is not at {newest}: {made.stderr}")
    return time.monotonic() - began


def watched(one: Instance) -> tuple[float, list[Canary]]:
    """Run this release's `kronos migrate`, and return the canaries' longest waits."""
    canaries, until = [Canary(one.url, table) for table in _HOT], threading.Event()
    threads = [threading.Thread(target=each.sing, args=[until]) for each in canaries]
    for thread in threads:
        thread.start()
    try:
        seconds = migrate(one, _ROOT)
    finally:
        until.set()
        for thread in threads:
            thread.join()
    return seconds, canaries


@contextmanager
def filled(commit: str, size: history.Size) -> Iterator[Instance]:
    """Provide a filled database of an earlier release."""
    with tempfile.TemporaryDirectory(prefix="kronos-bench-") as directory, release(commit) as files:
        Path(directory).chmod(0o711)  # so that PostgreSQL's user can enter
        home = Path(directory) / "home"
        cluster = Cluster(home, note=common.console.print)
        cluster.start()
        try:
            one = Instance(cluster=cluster, home=home, key_file=home / "admin.key")
            migrate(one, files)
            with one.connect() as connection:
                connection.execute(_SEED, {"workspace": WORKSPACE, "endpoint": ENDPOINT})
            with common.console.status(f"filling {commit[:12]}"):
                history.fill(one, size)
                with one.connect() as connection:  # as if Kronos had created them
                    for (name,) in connection.execute(
                        "select oid::regclass::text from pg_class where relnamespace = 'kronos'::regnamespace and "
                        "relispartition and relkind = 'r'"
                    ).fetchall():
                        connection.execute(f"alter table {name} owner to kronos_owner".encode())
            yield one
        finally:
            cluster.destroy()


def _told(seconds: float, canaries: Sequence[Canary]) -> dict[str, object]:
    return {
        "seconds": round(seconds, 2),
        "longest": {each.table: {name: round(wait * 1000) for name, wait in each.longest.items()} for each in canaries},
        "looks": min(each.looks for each in canaries),
        "load": round(os.getloadavg()[0], 1),
    }


@click.command(help=__doc__)
@click.option("--from", "commits", multiple=True, help="Releases to upgrade from, such as the previous one.")
@click.option("--jobs", default=50_000, show_default=True)
@click.option(
    "--executions", default=3_000_000, show_default=True, help="Finished executions, a third of them one-shots'."
)
@click.option("--days", default=60, show_default=True, help="Days over which they are spread.")
def main(commits: tuple[str, ...], jobs: int, executions: int, days: int) -> None:
    """Fill, upgrade and report."""
    one_shots = executions // 3
    size = history.Size(jobs=jobs, one_shots=one_shots, ticks=executions - one_shots, days=days, width=7)
    found: dict[str, object] = {}
    for commit in commits or ((_ROOT / "alembic" / "previous_release").read_text().strip(),):
        with filled(commit, size) as one:
            changed, again = _told(*watched(one)), _told(*watched(one))
        found[commit[:12]] = {"upgrade": changed, "once more": again}
        common.console.print_json(json.dumps(found[commit[:12]]))
    print(json.dumps(found, indent=2))  # all results together, for a script


if __name__ == "__main__":
    main()
