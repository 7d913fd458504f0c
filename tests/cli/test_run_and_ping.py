"""kronos run-and-ping: the command behaves as it would without it, and the heartbeat receives the result."""

import os
import pty
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

import quick
from cli.commands import Kronos, shown
from conftest import await_condition
from kronos.cli import pinging
from kronos.redaction import redacted

TOKEN = "hb_" + "t" * 32


@dataclass
class Heard:
    """A server that receives pings, and answers with these statuses in turn, then with 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    pings: list[tuple[str, dict[str, list[str]], bytes]] = field(default_factory=list)

    @property
    def said(self) -> list[str]:
        return [path.rpartition("/")[2] for path, _, _ in self.pings]


@pytest.fixture
def heard() -> Iterator[Heard]:
    found = Heard()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found.pings.append((parts.path, parse_qs(parts.query), body))
            self.send_response(found.statuses.pop(0) if found.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Write no log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_port}/kronos/ping/{TOKEN}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield found
        server.shutdown()


def run(
    *command: str, url: str | None = None, options: tuple[str, ...] = (), stdin: int = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    return _started([str(quick.folder() / "kronos")], command, url, options, stdin=stdin)


def executed(*command: str, url: str, **more: object) -> subprocess.Popen[bytes]:
    """The process itself, which gets signals, and is started as `more` says."""
    return _started([sys.executable, "-m", "kronos"], command, url, (), stdin=subprocess.PIPE, **more)


def _started(
    kronos: list[str], command: Sequence[str], url: str | None, options: Sequence[str], **more: object
) -> subprocess.Popen[bytes]:
    environment = {**os.environ} | ({} if url is None else {"KRONOS_PING_URL": url})
    line = [*kronos, "run-and-ping", *options, "--", *command]
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]  # as they are given
        line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more
    )


def test_a_command_is_as_it_would_be_and_its_start_and_end_are_heard(heard: Heard) -> None:
    script = 'cat; test -n "$KRONOS_RUN_ID" || exit 9; echo wrong >&2; exit 3'
    out, err = (made := run("sh", "-c", script, url=heard.url)).communicate(b"given\n")
    assert (made.returncode, out, err) == (3, b"given\n", b"wrong\n")
    (start, of_start, _), (end, of_end, log) = heard.pings
    assert (start, end) == (f"/kronos/ping/{TOKEN}/start", f"/kronos/ping/{TOKEN}/3")
    assert of_start["rid"] == of_end["rid"]
    assert int(of_end["duration_ms"][0]) >= 0
    assert log == b""


def test_with_log_the_end_of_what_it_prints_is_sent_and_all_of_it_shown(heard: Heard) -> None:
    script = "print('x' * 30000); print('the end')"
    out, err = run(sys.executable, "-c", script, url=heard.url, options=("--log",)).communicate()
    assert (len(out), out[-8:], err) == (30_009, b"the end\n", b"")
    assert heard.said == ["start", "0"]
    log = heard.pings[1][2]
    assert 10_000 < len(log) <= 11_000  # the API keeps 10,000, and says that it was cut
    assert log.endswith(b"xx\nthe end\n")


@pytest.mark.parametrize("after", [10_950, 10_960, 10_970, 10_980, 10_990])
def test_no_part_of_the_url_is_sent_because_the_output_is_cut_within_it(heard: Heard, after: int) -> None:
    script = f"import os; print(os.environ['KRONOS_PING_URL']); print(' ' + 'x' * {after - 1})"
    run(sys.executable, "-c", script, url=heard.url, options=("--log",)).communicate()
    log = heard.pings[1][2]
    assert "tttt" not in redacted(log.decode())  # what the API does before it stores the log
    assert len(log) > 10_000


def test_with_log_what_it_prints_on_both_its_outputs_is_sent(heard: Heard) -> None:
    """Their order is undefined down to the byte: they are two pipes."""
    script = "import sys; print('said'); print('warned', file=sys.stderr)"
    out, err = run(sys.executable, "-c", script, url=heard.url, options=("--log",)).communicate()
    assert (out, err) == (b"said\n", b"warned\n")
    assert sorted(heard.pings[1][2]) == sorted(b"said\nwarned\n")


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 7), (signal.SIGINT, 7), (signal.SIGHUP, 7), (signal.SIGQUIT, 7), (signal.SIGALRM, 7)],
)
def test_its_signals_are_the_commands(heard: Heard, number: signal.Signals, code: int, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    script = f"trap 'exit {code}' TERM INT HUP QUIT ALRM; touch {ready}; while :; do read line; done"
    made = executed("sh", "-c", script, url=heard.url)
    await_condition(ready.exists, "the command to run")
    made.send_signal(number)
    made.communicate(timeout=300)
    assert made.returncode == code
    assert heard.said == ["start", f"{code}"]


def test_what_stops_it_stops_the_command_and_both_go_on_together(heard: Heard) -> None:
    made = executed("sh", "-c", "echo $$; read line; exit 5", url=heard.url, process_group=0)
    assert made.stdout is not None
    command = int(made.stdout.readline())
    made.send_signal(signal.SIGTSTP)
    await_condition(lambda: state(command) == state(made.pid) == "T", "both to be stopped")
    made.send_signal(signal.SIGCONT)
    await_condition(lambda: state(command) != "T", "the command to continue")
    made.communicate(b"\n")
    assert (made.returncode, heard.said) == (5, ["start", "5"])


def test_without_a_shell_nothing_stops_it(heard: Heard) -> None:
    """Nothing could resume it: Ctrl-Z in `ssh -t host kronos run-and-ping -- …`."""
    made = executed("sh", "-c", "echo; read line; exit 5", url=heard.url, start_new_session=True)
    assert made.stdout is not None
    made.stdout.readline()
    made.send_signal(signal.SIGTSTP)
    made.communicate(b"\n", timeout=60)
    assert (made.returncode, heard.said) == (5, ["start", "5"])


def state(process: int) -> str:
    """The process's state, as ps shows it: T is stopped."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0]


def test_an_exit_code_is_known_whoever_ignores_the_end_of_children(heard: Heard) -> None:
    """The parent process may ignore SIGCHLD, which we inherit: the kernel then discards exit codes, and each run ended
    with 0."""
    made = executed(
        "sh", "-c", "exit 9", url=heard.url, preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    )
    made.communicate()
    assert (made.returncode, heard.said) == (9, ["start", "9"])


def test_a_command_whose_reader_goes_away_ends_as_it_would(heard: Heard) -> None:
    """The command gets the default SIGPIPE, as from a shell; Python itself ignores the signal."""
    made = run("sh", "-c", "echo first; read line; while :; do echo more; done", url=heard.url)
    assert made.stdout is not None
    assert made.stdin is not None
    assert made.stderr is not None
    assert made.stdout.readline() == b"first\n"
    made.stdout.close()
    made.stdin.write(b"\n")
    made.stdin.close()
    assert made.wait(60) == 128 + signal.SIGPIPE
    made.stderr.close()
    assert heard.said == ["start", "141"]


def test_one_that_a_signal_ends_is_told_as_a_shell_tells_it(heard: Heard) -> None:
    made = run("sh", "-c", "kill -9 $$", url=heard.url)
    made.communicate()
    assert (made.returncode, heard.said) == (137, ["start", "137"])


@pytest.mark.parametrize(("command", "code"), [("no-such-command-at-all", 127), ("/etc", 126)])
def test_what_cannot_be_run_is_told_too(heard: Heard, command: str, code: int) -> None:
    made = run(command, url=heard.url)
    _, err = made.communicate()
    assert (made.returncode, heard.said) == (code, ["start", f"{code}"])
    assert f"cannot run {command}:" in err.decode()


def test_options_behind_the_dashes_are_the_commands(heard: Heard) -> None:
    out, _ = run("printf", "%s|", "--url", "-x", "--help", options=("--url", heard.url)).communicate()
    assert out == b"--url|-x|--help|"
    assert heard.said == ["start", "0"]


def test_where_nobody_hears_the_command_runs_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nothing listens there
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/ping/{TOKEN}"
        said: list[str] = []
        monkeypatch.setattr(pinging, "_say", said.append)
        monkeypatch.setattr(pinging, "_START_WAITS", (0.0,))
        monkeypatch.setattr(pinging, "_END_WAITS", (0.0, 0.0))
        pinger = pinging.Pinger(url)
        pinger.begin()
        code = pinging.WatchedRun(["true"], keeps_log=False, run_id=pinger.run_id).ended()
        pinger.end(code, 1, b"")
    assert code == 0
    assert said == [
        "could not report the start to the heartbeat: Connection refused",
        "could not report the end to the heartbeat: Connection refused",
    ]
    assert TOKEN not in "".join(said)


def test_without_a_url_or_with_none_it_runs_and_says_so() -> None:
    for url, why in (
        (None, "neither --url nor KRONOS_PING_URL is set"),
        ("nonsense", "the ping URL is not an http:// or"),
        (f"http://127.0.0.1:{TOKEN}", "the ping URL is not an http:// or"),
        (f"http://[::1/ping/{TOKEN}", "the ping URL is not an http:// or"),
        (f"http://{'a' * 64}.example/ping/{TOKEN}", "the ping URL is not an http:// or"),
        ("https://kronos.example.com/ping/hb_…", "contains a character that no URL has: copy it again"),
        (f"http://127.0.0.1:1/ping/{TOKEN} x", "contains a character that no URL has: copy it again"),
    ):
        made = run("sh", "-c", "exit 4", url=url)
        _, err = made.communicate()
        assert made.returncode == 4
        assert why in err.decode()
        assert TOKEN not in err.decode()
    nothing = run()
    nothing.communicate()
    assert nothing.returncode == 2


@pytest.mark.parametrize(("statuses", "said"), [([503], ["start", "start", "0"]), ([404, 404], ["start", "0"])])
def test_it_asks_again_where_that_may_help(
    heard: Heard, monkeypatch: pytest.MonkeyPatch, statuses: list[int], said: list[str]
) -> None:
    monkeypatch.setattr(pinging, "_START_WAITS", (0.0,))
    heard.statuses = list(statuses)
    pinger = pinging.Pinger(heard.url)
    pinger.begin()
    pinger.end(pinging.WatchedRun(["true"], keeps_log=False, run_id=pinger.run_id).ended(), 1, b"")
    assert heard.said == said


def test_it_has_the_terminal_it_is_run_in(heard: Heard) -> None:
    main, terminal = pty.openpty()
    try:
        made = run("sh", "-c", "test -t 0", url=heard.url, stdin=terminal)
        made.communicate()
        assert made.returncode == 0
    finally:
        os.close(main)
        os.close(terminal)


def test_it_loads_none_of_the_servers_packages() -> None:
    script = (
        "import sys, kronos.__main__, kronos.cli.run_and_ping; print(sorted({each.partition('.')[0] for each in"
        " sys.modules} & {'fastapi', 'pydantic', 'psycopg', 'orjson', 'aiohttp', 'uvicorn', 'starlette'}))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert found.stdout == "[]\n"


def test_a_heartbeat_is_made_changed_and_ended_on_the_command_line(kronos: Kronos) -> None:
    made = shown(kronos("heartbeat", "create", "backup", "--cron", "0 3 * * *", "--tz", "Europe/Berlin", "--tag", "db"))
    assert (made["state"], made["timezone"], "/ping/hb_" in made["ping_url"]) == ("NEW", "Europe/Berlin", True)
    url = made["ping_url"]
    pinger = pinging.Pinger(url)
    pinger.begin()
    pinger.end(2, 1500, b"disk full\n")
    rows = kronos("heartbeat", "pings", "backup", "--log", "--plain").stdout.splitlines()
    assert len(rows) == 2
    assert "disk full" in rows[0]
    assert "DOWN" in kronos("heartbeat", "ls", "--state", "DOWN").stdout
    assert shown(kronos("heartbeat", "edit", "backup", "--grace-seconds", "60"))["grace_seconds"] == "60"
    edited = shown(kronos("heartbeat", "edit", "backup", "--period", "600"))
    assert (edited["period_seconds"], edited["tags"], edited["version"]) == ("600", '["db"]', "3")
    assert shown(kronos("heartbeat", "pause", "backup", "--note", "moving"))["state"] == "PAUSED"
    assert shown(kronos("heartbeat", "resume", "backup"))["status"] == "ACTIVE"
    assert shown(kronos("heartbeat", "rotate", "backup", "--yes"))["ping_url"] != url
    assert kronos("heartbeat", "ticks", "backup").exit_code == 0
    assert kronos("heartbeat", "rm", "backup", "--confirm", "backup").exit_code == 0
    assert kronos("heartbeat", "get", "backup").exit_code == 3


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)], ids=["output", "error", "all"])
def test_one_whose_output_was_closed_before_runs_with_log_too(
    heard: Heard, closed: tuple[int, ...], tmp_path: Path
) -> None:
    """As under a supervisor that gives its children no output streams."""
    done = tmp_path / "done"
    shut = " ".join(f"{number}>&-" for number in closed)
    line = [sys.executable, "-m", "kronos", "run-and-ping", "--log", "--", "sh", "-c", f"echo hi; touch {done}; exit 7"]
    made = subprocess.run(
        ["sh", "-c", f'exec "$@" {shut}', "sh", *line],
        env={**os.environ, "KRONOS_PING_URL": heard.url},
        capture_output=True,
        check=False,
    )
    assert (made.returncode, made.stderr) == (7, b"")
    assert made.stdout == (b"hi\n" if 1 not in closed else b"")
    assert done.exists()
    assert heard.said == ["start", "7"]
    assert heard.pings[1][2] == b"hi\n"


def test_an_answer_that_comes_byte_by_byte_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pinging, "_say", said.append)
    monkeypatch.setattr(pinging, "_MOST_SECONDS", 0.2)
    monkeypatch.setattr(pinging, "_END_WAITS", (0.0,))
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            with server.accept()[0] as one:
                while not over.wait(0.01):
                    one.sendall(b"H")

        threads = [threading.Thread(target=drip, daemon=True) for _ in range(4)]
        for each in threads:
            each.start()
        pinger = pinging.Pinger(f"http://127.0.0.1:{server.getsockname()[1]}/ping/{TOKEN}")
        monkeypatch.setattr(pinging, "_START_WAITS", (0.0,))
        pinger.begin()
        pinger.end(0, 1, b"")
        over.set()
        for each in threads:
            each.join(60)
    assert said == [
        "could not report the start to the heartbeat: no answer within 0.2 s",
        "could not report the end to the heartbeat: no answer within 0.2 s",
    ]
