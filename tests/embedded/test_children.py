"""A process that `kronos up` keeps running: restarted soon, ever more rarely while it keeps ending, and replaced when
it hangs; whatever it does, `kronos up` goes on."""

import errno
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from embedded.waiting import eventually
from kronos import heartbeat
from kronos.embedded import children
from kronos.embedded.children import Child, Restarts
from stopped_clock import StoppedClock

_WAITS = "exec cat /proc/self/fd/$NEVER"  # a pipe that never ends
_BEATS = f"printf . > /proc/self/fd/${heartbeat.VARIABLE}; "


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    made = StoppedClock()
    monkeypatch.setattr(children, "time", made)
    return made


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def start(tmp_path: Path, notes: list[str]) -> Iterator[Callable[..., Child]]:
    """Make children that run a shell's script; none outlives its test."""
    made: list[Child] = []
    never, writable = os.pipe()

    def child(script: str, *, has_pulse: bool = False, is_logged: bool = True) -> Child:
        log = tmp_path / "log" / "api.log" if is_logged else None
        command = ["/bin/sh", "-c", script]
        made.append(
            Child(
                name="api", command=command, log=log, note=notes.append, has_pulse=has_pulse, inherited={"NEVER": never}
            )
        )
        return made[-1]

    yield child
    for each in made:
        each.kill()
    os.close(never)
    os.close(writable)


def ended(child: Child) -> None:
    """Wait until it has ended."""
    assert child.process is not None
    child.process.wait(60)


def test_the_pauses_before_restarts_double_up_to_ten_seconds(clock: StoppedClock) -> None:
    restarts, delays = Restarts(), []
    for _ in range(8):
        restarts.started()
        delays.append(restarts.ended())
        assert restarts.next_start_at == clock.now + delays[-1]
    assert delays == [0.25, 0.5, 1, 2, 4, 8, 10, 10]


def test_a_process_that_ends_at_each_start_for_days_is_still_restarted_every_ten_seconds(clock: StoppedClock) -> None:
    """The 1025th doubling was more than a float can hold, and ended `kronos up` after three hours."""
    restarts = Restarts()
    for _ in range(20_000):
        restarts.started()
        delay = restarts.ended()
    assert delay == 10.0


@pytest.mark.parametrize(("ran_seconds", "delay"), [(29.9, 2.0), (30.0, 0.25)])
def test_a_process_that_ran_for_half_a_minute_is_restarted_at_once(
    clock: StoppedClock, ran_seconds: float, delay: float
) -> None:
    restarts = Restarts()
    for _ in range(3):
        restarts.started()
        restarts.ended()
    restarts.started()
    clock.now += ran_seconds
    assert restarts.ended() == delay


def test_a_child_that_ended_is_reported_once_and_restarted_after_its_pause(
    start: Callable[..., Child], clock: StoppedClock, notes: list[str], tmp_path: Path
) -> None:
    child = start("exit 3")
    assert (child.is_running, child.seconds_to_start()) == (False, 0.0)
    child.keep_running({})
    first = child.process
    ended(child)
    child.keep_running({})
    assert notes == [f"api ended with exit code 3; it restarts in 0.25 s ({tmp_path}/log/api.log)"]
    assert (child.process, child.seconds_to_start()) == (None, 0.25)
    clock.now += 0.24
    child.keep_running({})
    assert (child.process, len(notes)) == (None, 1)
    clock.now += 0.01
    child.keep_running({})
    assert child.process is not first
    assert child.process is not None


def test_a_child_that_ends_at_each_start_is_started_ever_more_rarely(
    start: Callable[..., Child], clock: StoppedClock, notes: list[str]
) -> None:
    child = start("exit 1", is_logged=False)
    for _ in range(4):
        child.keep_running({})
        if child.process is not None:
            ended(child)
        child.keep_running({})
        clock.now += child.seconds_to_start() or 0.0
    assert [note.removeprefix("api ended with exit code 1; it restarts in ") for note in notes] == [
        "0.25 s",
        "0.5 s",
        "1 s",
        "2 s",
    ]


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ("kill -9 $$", "was ended by SIGKILL"),
        ("kill -40 $$", "was ended by signal 40"),
        ("exit 0", "ended with exit code 0"),
    ],
)
def test_how_a_child_ended_is_reported_in_words(
    start: Callable[..., Child], clock: StoppedClock, notes: list[str], script: str, how: str
) -> None:
    child = start(script, is_logged=False)
    child.start({})
    ended(child)
    child.keep_running({})
    assert notes == [f"api {how}; it restarts in 0.25 s"]


def test_a_child_that_runs_is_left_alone(start: Callable[..., Child], clock: StoppedClock, notes: list[str]) -> None:
    child = start(_WAITS)
    child.keep_running({})
    process = child.process
    clock.now += 3600
    child.keep_running({})
    assert (child.process, child.is_running, child.seconds_to_start(), notes) == (process, True, None, [])


def pipes() -> set[str]:
    """The pipes of this process. Its threads, an API among them, open and close other files at any time."""
    found = set[str]()
    for each in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(os.readlink(each))
    return {each for each in found if each.startswith("pipe:")}


def test_a_start_that_fails_is_reported_and_tried_again_ever_more_rarely(
    start: Callable[..., Child], clock: StoppedClock, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    child = start(_WAITS, has_pulse=True)
    command, child.command = child.command, ["/does/not/exist"]
    before = pipes()
    for _ in range(3):
        child.keep_running({})
        clock.now += child.seconds_to_start() or 0.0
    assert [note.split(",")[1].strip() for note in notes] == [
        f"next try in {delay} s: No such file or directory: /does/not/exist" for delay in ("0.25", "0.5", "1")
    ]
    child.command = command
    child.keep_running({})
    assert child.is_running
    child.kill()
    assert pipes() == before, "no attempt leaves a pipe"


def test_without_descriptors_for_a_pulse_it_is_tried_again(
    start: Callable[..., Child], clock: StoppedClock, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    child = start(_WAITS, has_pulse=True)

    def refuse() -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patched:
        patched.setattr(os, "pipe", refuse)
        child.keep_running({})
    assert (child.is_running, notes) == (False, ["api cannot be started, next try in 0.25 s: Too many open files"])
    clock.now += 0.25
    child.keep_running({})
    assert child.is_running


def test_a_child_gets_its_environment_added_to_ours_and_writes_to_its_log(
    start: Callable[..., Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRONOS_TEST_OURS", "ours")
    child = start('echo "$KRONOS_TEST_OURS $KRONOS_PORT"; echo to stderr >&2; readlink /proc/self/fd/0')
    child.start({"KRONOS_PORT": "81"})
    ended(child)
    assert child.end_of_log().splitlines() == ["ours 81", "to stderr", "/dev/null"]


def test_a_child_without_a_log_has_no_last_lines(start: Callable[..., Child]) -> None:
    assert start("exit 0", is_logged=False).end_of_log() == ""


def test_a_child_is_in_a_session_of_its_own_and_ends_when_it_is_asked_to(start: Callable[..., Child]) -> None:
    """Ctrl-C at the terminal must not reach it: its supervisor stops it in order."""
    child = start(_WAITS)
    child.ask_to_stop()
    child.start({})
    assert child.process is not None
    assert os.getsid(child.process.pid) == child.process.pid
    child.ask_to_stop()
    assert child.process.wait(60) == -signal.SIGTERM
    child.ask_to_stop()


def test_a_child_has_begun_once_it_gave_a_sign_of_life(start: Callable[..., Child]) -> None:
    child = start(_WAITS, has_pulse=True)
    assert not child.has_begun
    child.start({})
    child.end_if_hung(1.0, 30.0)
    assert (child.is_running, child.has_begun) == (True, False)
    child.kill()
    child = start(_BEATS + _WAITS, has_pulse=True)
    child.start({})

    def has_begun() -> bool:
        child.end_if_hung(0.0, 30.0)
        return child.has_begun

    eventually(has_begun, "a sign of life")
    assert child.process is not None
    child.process.kill()
    ended(child)
    assert not child.has_begun


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_child_that_hangs_is_told_to_say_where_and_is_killed_if_it_says_nothing(
    start: Callable[..., Child], notes: list[str], monkeypatch: pytest.MonkeyPatch, is_stopped: bool
) -> None:
    monkeypatch.setattr(children, "_LAST_WORDS_SECONDS", 60.0 if not is_stopped else 0.0)
    script = "trap 'echo where it hangs; exit 1' USR1; echo it runs; while :; do read line < /proc/self/fd/$NEVER; done"
    child = start(script, has_pulse=True)
    child.start({})
    eventually(lambda: "it runs" in child.end_of_log(), "its first line")
    if is_stopped:
        assert child.process is not None
        child.process.send_signal(signal.SIGSTOP)
    child.end_if_hung(120.0, 30.0)
    assert (child.is_running, notes) == (True, []), "two minutes to begin"
    child.end_if_hung(0.1, 30.0)
    assert child.process is not None
    assert child.process.returncode == (-signal.SIGKILL if is_stopped else 1)
    assert notes[0].startswith("api has given no sign of life for 120 s: it is replaced (")
    assert ("where it hangs" in child.end_of_log()) is not is_stopped
    child.end_if_hung(1000.0, 30.0)
    assert len(notes) == 1, "it is not replaced twice"


def test_a_child_without_a_pulse_is_never_taken_for_one_that_hangs(
    start: Callable[..., Child], notes: list[str]
) -> None:
    child = start(_WAITS)
    child.end_if_hung(1000.0, 30.0)
    child.start({})
    child.end_if_hung(1000.0, 30.0)
    assert (child.is_running, notes) == (True, [])


_STARTER = """
import os, signal, sys
from kronos.embedded.children import Child

never, held = os.pipe()[0], int(sys.argv[1])
child = Child(name="x", command=["/bin/sh", "-c", "exec cat /proc/self/fd/$NEVER"], log=None, note=print,
              inherited={"NEVER": never, "HELD": held})
child.start({})
signal.raise_signal(signal.SIGKILL)
"""


def test_kill_9_of_its_starter_ends_a_child() -> None:
    """Nothing that `kronos up` started may go on without it. The child holds the other end of this test's pipe."""
    readable, held = os.pipe()
    starter = subprocess.Popen([sys.executable, "-c", _STARTER, str(held)], pass_fds=[held])
    os.close(held)
    assert starter.wait(60) == -signal.SIGKILL
    assert select.select([readable], [], [], 60)[0], "the child goes on"
    assert os.read(readable, 1) == b""
    os.close(readable)
