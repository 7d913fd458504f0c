"""kronos doctor and kronos job explain on an instance that runs: all holds, and an execution is explained."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import psycopg
import pytest

from embedded.conftest import Up
from embedded.waiting import eventually

pytestmark = pytest.mark.faults


def kronos(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kronos", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_all_holds_on_a_new_instance_and_a_run_is_explained(up: Callable[..., Up]) -> None:
    running = up()
    running.await_ready()
    with psycopg.connect(str(running.told["database_url"]), autocommit=True) as connection:
        workers = "select count(*) from pg_stat_activity where application_name = 'kronos-worker-listen'"
        eventually(lambda: connection.execute(workers).fetchone() != (0,), "no worker is connected", seconds=30)

    database = {"KRONOS_DATABASE_URL": str(running.told["database_url"])}
    # The home was copied: what is due at its first minute gets its entry once it has run.
    eventually(
        lambda: kronos("doctor", "--json", **database).returncode == 0,
        "doctor finds fault with a new instance",
        seconds=150,
    )
    found = json.loads(kronos("doctor", "--json", **database).stdout)
    assert [each for each in found["findings"] if not each["ok"]] == []
    assert found["ok"]

    where = {"KRONOS_URL": running.url}
    options = ("--workspace", "kronos-system", "--key-file", str(running.told["admin_key_file"]), "--json")

    def has_run() -> bool:
        answer = json.loads(kronos("job", "explain", "reaper", *options, **where).stdout)
        return bool(answer["decision"] == "RAN")

    eventually(has_run, "the reaper's run is not explained", seconds=90)
