"""Whatever the requests and faults, in whatever order: the live CRON jobs and pg_cron's entries stay one set.

Each run draws other sequences of up to 40 steps: KRONOS_TEST_EXAMPLES sets how many. A failing one is then also
shortened as far as possible, which takes minutes.
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from conftest import cloned, make_workspace, running_api
from depth import depth
from faults.injected import install
from faults.jobs_machine import Jobs
from faults.scene import Scene
from faults.world import FOREIGN, World
from servers import Server

EXAMPLES = int(os.environ.get("KRONOS_TEST_EXAMPLES", depth(6, deep=55)))
PHASES = [Phase.generate, Phase.shrink] if "KRONOS_TEST_EXAMPLES" in os.environ else [Phase.generate]


@pytest.fixture(scope="module")
def world(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory: Path = tmp_path_factory.mktemp("machine")
    with (
        cloned(server, template) as url,
        running_api(url, directory) as one,
        running_api(url, directory) as other,
        psycopg.connect(url, autocommit=True) as superuser,
    ):
        install(superuser)
        superuser.execute(FOREIGN)
        workspace = make_workspace(one.client)
        world = World(
            a=Scene(client=one.client, workspace=workspace),
            b=Scene(client=other.client, workspace=workspace),
            superuser=superuser,
            url=url,
        )
        yield world
        for backend in world.backends:
            backend.close()


def test_jobs_and_pg_cron_never_drift_apart(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    try:
        run_state_machine_as_test(
            lambda: Jobs(world),  # type: ignore[arg-type]  # documented as any callable that makes one
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=40,
                deadline=None,
                database=None,
                phases=PHASES,
                print_blob=True,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        with capsys.disabled():
            told = ", ".join(f"{what.strip()} {count}" for what, count in sorted(world.counts.items()))
            sys.stdout.write(f"\nstate machine: {EXAMPLES} sequences in {time.monotonic() - began:.0f} s: {told}\n")
    assert world.counts["checks"] >= 5 * EXAMPLES
