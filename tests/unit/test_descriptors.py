"""A process has the file descriptors that its settings need, or it does not start."""

import resource
import subprocess
import sys

import pytest
from click.testing import CliRunner

from kronos import descriptors
from kronos.__main__ import main
from kronos.worker.shares import Shares


@pytest.mark.parametrize(
    ("limits", "becomes"),
    [
        ((256, 4096), (600, 4096)),
        ((256, resource.RLIM_INFINITY), (600, resource.RLIM_INFINITY)),
        ((600, 600), None),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), None),
    ],
)
def test_the_soft_limit_is_raised_as_far_as_it_is_needed(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], becomes: tuple[int, int] | None
) -> None:
    made: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: made.append(wanted))
    descriptors.make_room(600, "X=1")
    assert made == ([becomes] if becomes else [])


@pytest.mark.parametrize("command", [("worker", "--concurrency", "400"), ("serve",)])
def test_a_process_that_may_not_have_them_says_so_and_does_not_start(
    monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (512, 1024))
    refused = CliRunner().invoke(main, [*command], env={"KRONOS_DATABASE_URL": "postgresql://x@127.0.0.1:1/x"})
    assert refused.exit_code == 1
    assert (
        "file descriptors, but this process may have only 1024 (RLIMIT_NOFILE): raise the hard limit" in refused.output
    )
    assert "KRONOS_WORKER_CONCURRENCY=400" in refused.output or "KRONOS_MAX_CONNECTIONS=1000" in refused.output


@pytest.mark.parametrize("concurrency", [1, 9, 100, 5000])
def test_a_worker_counts_its_slots_its_guests_and_the_connections_that_it_keeps(concurrency: int) -> None:
    shares = Shares(concurrency)
    most = 2 * (shares.slots + shares.guests) + concurrency
    assert most + 100 < descriptors.of_worker(concurrency) < 2 * most + 200


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-", ""])
def test_no_file_or_socket_takes_the_place_of_a_closed_standard_stream(closed: str) -> None:
    program = (
        "from kronos import descriptors; import os, socket, subprocess; descriptors.hold_standard();"
        "first = socket.socket(); print(first.fileno() > 2);"
        "subprocess.run(['sh', '-c', 'echo heard >&2 && echo inherited'], check=True)"
    )
    ran = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-u", "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "True\ninherited\n"
    assert ran.stderr == ("" if "2>&-" in closed else "heard\n")
