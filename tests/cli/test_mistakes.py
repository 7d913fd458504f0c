"""Users' mistakes, for every command: an immediate message and an exit code, nothing created, and never a traceback."""

import os
import re
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kronos.__main__ import main
from kronos.dashboard import static
from kronos.embedded.errors import HomeUnusable
from kronos.embedded.home import Home
from own_logging import own_logging

_DATABASE = {"KRONOS_DATABASE_URL": "postgresql://nobody:sekrit@127.0.0.1:1/none"}
_LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} ")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No KRONOS_ variables of the shell; restores the test run's logging afterwards."""
    for name in [name for name in os.environ if name.startswith(("KRONOS_", "XDG_"))]:
        monkeypatch.delenv(name)
    with own_logging():
        yield


def run(*arguments: str, **variables: str | None) -> Result:
    """Run the command. An exception that it does not catch, which would be a traceback, is raised here."""
    return CliRunner().invoke(main, arguments, env=variables, catch_exceptions=False)


def assert_told(answer: Result, *told: str, code: int = 1) -> None:
    """Assert that it printed `told` in a few lines besides its log, without a secret, and exited with `code`."""
    assert "sekrit" not in answer.output
    for each in told:
        assert each in answer.output
    said = [line for line in answer.output.strip().splitlines() if not _LOG_LINE.match(line)]
    assert len(said) <= 6, answer.output
    assert answer.exit_code == code, answer.output


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home that does not exist, and still does not exist afterwards."""
    yield tmp_path / "home"
    assert not (tmp_path / "home").exists(), "a mistake created something"


@pytest.fixture
def taken() -> Iterator[str]:
    """A port on which another process listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield str(other.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "told", "code"),
    [
        ("nosuchhost.invalid", "cannot listen on 'nosuchhost.invalid': ", 1),
        ("192.0.2.1", "cannot listen on", 1),
        ("a..b", "a host", 1),
        ("", "KRONOS_HOST", 2),
    ],
)
def test_a_host_that_is_none_of_this_machine(home: Path, host: str, told: str, code: int) -> None:
    assert_told(run("up", "--home", str(home), "--port", "0", "--host", host), told, code=code)
    assert_told(run("up", "--home", str(home), "--port", "0", KRONOS_HOST=host), told, code=code)
    assert_told(run("serve", "--host", host, "--port", "0", **_DATABASE), told, code=code)


@pytest.mark.parametrize("command", ["up", "serve", "worker"])
@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"KRONOS_EGRESS_ALLOW": "10.0.0.0/33"}, "KRONOS_EGRESS_ALLOW: '10.0.0.0/33' is not a network"),
        ({"KRONOS_PORT": "http"}, "KRONOS_PORT"),
        ({"KRONOS_PORT": "70000"}, "KRONOS_PORT"),
        ({"KRONOS_SHUTDOWN_SECONDS": "soon"}, "KRONOS_SHUTDOWN_SECONDS"),
        ({"KRONOS_LOG_FORMAT": "xml"}, "KRONOS_LOG_FORMAT"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_is_made(
    home: Path, command: str, variables: dict[str, str], told: str
) -> None:
    arguments = ["--home", str(home)] if command == "up" else []
    assert_told(run(command, *arguments, **(_DATABASE | variables)), told, code=2)


def test_a_port_that_is_taken(home: Path, taken: str) -> None:
    assert_told(
        run("up", "--home", str(home), "--port", taken),
        f"cannot listen on 127.0.0.1 port {taken}: Address already in use",
    )
    assert_told(run("up", "--home", str(home), KRONOS_PORT=taken), f"port {taken}", "KRONOS_PORT")
    assert_told(run("up", "--home", str(home), "--port", taken, KRONOS_PORT="0"), f"port {taken}")
    assert_told(
        run("serve", "--port", taken, **_DATABASE), f"cannot listen on 127.0.0.1 port {taken}: Address already in use"
    )


def test_a_port_that_is_taken_and_a_home_that_is_there(tmp_path: Path, taken: str) -> None:
    """Only an instance in this home may hold the port, and an instance would be reported first."""
    assert_told(
        run("up", "--home", str(tmp_path), "--port", taken), f"cannot listen on 127.0.0.1 port {taken}: Address"
    )
    assert [each.name for each in tmp_path.iterdir()] == ["lock"]


def test_scripts_that_pip_does_not_bring(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "htmx.min.js"
    monkeypatch.setattr(static, "_FILES", {"kronos.css": static._FILES["kronos.css"], "missing.js": missing})
    assert_told(run("up", "--home", str(home), "--port", "0"), f"lacks {missing}", "run bin/install in the checkout")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (b"with\nnewline", "has a control character in its name"),
        (b"with\x1bescape", "has a control character in its name"),
        (b"not\xffutf8", "is not UTF-8"),
        (b"/".join([b"long" * 50] * 6), "bytes, but PostgreSQL can use only"),
    ],
)
def test_a_home_with_a_name_that_cannot_be_used(tmp_path: Path, name: bytes, told: str) -> None:
    assert_told(run("up", "--home", os.fsdecode(os.fsencode(tmp_path) + b"/" + name), "--port", "0"), told)
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "nowhere").symlink_to(tmp_path / "absent")
    for home, told, code in (
        (tmp_path / "file", "is a file", 2),
        (tmp_path / "file" / "home", "cannot be created: Not a directory", 1),
        (tmp_path / "nowhere", "cannot be created: File exists", 1),
        (Path("/proc/kronos"), "cannot be created: No such file or directory", 1),
        (tmp_path / ("n" * 256), "File name too long", 1),
    ):
        assert_told(run("up", "--home", str(home), "--port", "0"), told, code=code)


def test_a_home_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root, as which tests may run, may write anywhere
    with pytest.raises(HomeUnusable, match="is not a directory that this user may write to"):
        Home(tmp_path).require_usable()


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("pathlib.Path.home", no_home)
    assert_told(run("up"), "this user has no home directory", "--home")
    assert_told(run("key", "list", "--instance"), "this user has no home directory", code=2)
    assert_told(run("job", "explain", "j", "-w", "w"), "no API is configured", code=2)
    assert_told(run("job", "explain", "j", "-w", "w", "--context", "c"), "XDG_CONFIG_HOME", code=2)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("admin.key", "not a key", "holds no key of the form"),
        ("cluster.json", "{", "is not in the form that `kronos up` wrote"),
        ("cluster.json", '{"port": 1, "name": "x"}', "is not in the form that `kronos up` wrote"),
        ("lock", None, "Is a directory"),
    ],
)
def test_a_home_whose_files_were_edited(tmp_path: Path, name: str, content: str | None, told: str) -> None:
    """The existing files are checked before a cluster is created next to them."""
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    tmp_path.chmod(stat.S_IRWXU | stat.S_IXOTH)
    if content is None:
        (home / name).mkdir()
    else:
        (home / name).write_text(content)
    assert_told(run("up", "--home", str(home), "--port", "0"), told)
    assert not (home / "postgres" / "data").exists()


_NO_DATABASE = "KRONOS_DATABASE_URL"


@pytest.mark.parametrize(
    ("arguments", "variables", "told", "code"),
    [
        (["serve"], {}, _NO_DATABASE, 2),
        (["worker"], {}, _NO_DATABASE, 2),
        (["worker", "--concurrency", "0"], _DATABASE, "KRONOS_WORKER_CONCURRENCY", 2),
        (["worker", "--concurrency", "many"], _DATABASE, "'many' is not a valid integer", 2),
        (["serve", "--port", "-1"], _DATABASE, "KRONOS_PORT", 2),
        (["up", "--port", "65536"], {}, "65536", 2),
        (["up", "--workers", "-1"], {}, "-1", 2),
        (["up", "--home", ""], {}, "--home is empty", 2),
        (["up", "--hold", "--demo"], {}, "pass only one of the two", 2),
        (["migrate"], {}, _NO_DATABASE, 2),
        (["migrate"], _DATABASE, "", 6),
        (["doctor"], {}, _NO_DATABASE, 2),
        (["retention", "run"], {}, _NO_DATABASE, 2),
        (["retention", "run"], _DATABASE, "", 6),
        (["next", "* * * * *"], {}, _NO_DATABASE, 2),
        (["next", "* * * * *"], _DATABASE, "", 6),
        (["key", "list", "--instance"], {}, "no database is configured", 2),
        (["key", "list", "--instance"], _DATABASE, "", 6),
        (["key", "list", "--instance", "--home", "/proc/kronos"], {}, "no `kronos up` is running in /proc/kronos", 2),
        (["key", "rotate", "--instance"], _DATABASE, "which key file?", 2),
        (
            ["key", "rotate", "--instance", "--key-file", "/proc/none"],
            _DATABASE,
            "no key can be read from /proc/none",
            1,
        ),
        (["key", "create", "--instance", "--out", "/proc/none"], _DATABASE, "no key can be written to /proc/none", 1),
        (["key", "revoke", "--instance"], _DATABASE, "'KEY'", 2),
        (["job", "explain", "j", "-w", "w"], {}, "no API is configured", 2),
        (
            ["job", "explain", "j", "-w", "w", "--url", "http://a..b:80"],
            {"KRONOS_API_KEY": "k"},
            "cannot be reached",
            6,
        ),
        (
            ["job", "explain", "j", "-w", "w", "--key-file", "/proc/none"],
            {"KRONOS_URL": "http://h"},
            "cannot read a key",
            2,
        ),
        (["nonsense"], {}, "No such command", 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_every_command_says_what_it_lacks(
    tmp_path: Path, arguments: list[str], variables: dict[str, str | None], told: str, code: int
) -> None:
    assert_told(
        run(*arguments, **({"XDG_DATA_HOME": str(tmp_path), "HOME": str(tmp_path)} | variables)), told, code=code
    )
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_the_database_did_not_take_is_left_in_no_file(tmp_path: Path) -> None:
    """A leftover file would make the next try fail, because the file exists."""
    for _ in range(2):
        assert_told(
            run("key", "create", "--instance", "--out", str(tmp_path / "new.key"), **_DATABASE),
            "nothing listens at 127.0.0.1:1",
            code=6,
        )
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b'{"pid": 1e999}',
        b"[]",
        b"7",
        b"[" * 100_000,
        b"\xff",
        b"",
        b'{"url": 1, "admin_key_file": [], "database_url": 2, "pid": "1"}',
    ],
)
def test_a_run_json_that_somebody_else_wrote_is_no_instance(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "kronos").mkdir()
    (tmp_path / "kronos" / "run.json").write_bytes(
        content.replace(b'"pid": 1e999', b'"url": 1, "admin_key_file": 2, "database_url": 3, "pid": 1e999')
    )
    assert_told(run("job", "ls", "-w", "w", XDG_DATA_HOME=str(tmp_path)), "no API is configured", code=2)
    assert_told(run("key", "list", "--instance", XDG_DATA_HOME=str(tmp_path)), "no database is configured", code=2)


@pytest.mark.parametrize(
    "command", [("job", "ls", "-w", "w"), ("doctor",), ("key", "list", "--instance")], ids=["api", "database", "either"]
)
def test_an_error_says_in_which_folder_no_instance_runs(command: tuple[str, ...], tmp_path: Path) -> None:
    assert_told(run(*command), "for a `kronos up --home DIR`, set KRONOS_HOME to DIR", code=2)
    home = tmp_path / "a\x1b[1mhome"
    told = run(*command, KRONOS_HOME=str(home))
    assert_told(told, f"KRONOS_HOME is {tmp_path}/a\\x1b[1mhome, in which none is running", code=2)
    assert "set KRONOS_HOME" not in told.stderr

    (home / "run.json").mkdir(parents=True)
    assert_told(run(*command, KRONOS_HOME=str(home)), "in which none is running", code=2)


def test_a_home_of_another_user_is_named_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def withheld(_self: Path, *_arguments: object, **_terms: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", withheld)
    told = run("job", "ls", "-w", "w", KRONOS_HOME=str(tmp_path))
    assert_told(told, f"KRONOS_HOME is {tmp_path}, which this user may not read", code=2)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: path.mkdir(), "no key can be read from"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "holds no key of the form"),
        (lambda path: path.write_text("hunter2"), "holds no key of the form"),
        (lambda path: path.symlink_to("/proc/none/key"), "no key can be"),
    ],
    ids=["a folder", "bytes", "a password", "a link to nowhere"],
)
def test_migrate_says_what_is_wrong_with_a_key_file(
    database_url: str, tmp_path: Path, make: Callable[[Path], object], told: str
) -> None:
    file = tmp_path / "admin.key"
    make(file)
    assert_told(run("migrate", KRONOS_DATABASE_URL=database_url, KRONOS_ADMIN_KEY_FILE=str(file)), told)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [("help", "Usage: main [OPTIONS]"), ("help job ls", "Usage: main job ls"), ("job help ls", "Usage: main job ls")],
)
def test_help_is_also_a_word(typed: str, shown: str) -> None:
    answer = run(*typed.split())
    assert (answer.exit_code, answer.stdout.startswith(shown)) == (0, True)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("get job report", "Did you mean 'job get'?"),
        ("delete endpoint hook", "Did you mean 'endpoint delete'?"),
        ("stop execution 1", "Did you mean 'execution cancel'?"),
        ("version", "Did you mean '--version'?"),
        ("jobs ls", "Did you mean 'job'?"),
        ("get", "No such command 'get'.\n"),
        ("help nope", "No such command 'nope'.\n"),
    ],
)
def test_a_word_at_the_wrong_place_is_turned(typed: str, told: str) -> None:
    assert_told(run(*typed.split()), told, code=2)


def test_a_key_is_not_read_from_the_stream_of_a_protocol() -> None:
    assert_told(run("mcp", "--key-file", "-"), "the protocol uses standard input", code=2)
    assert "standard input" not in run("mcp", "--help").stdout.rpartition("--key-file")[2]


@pytest.mark.parametrize("group", ["endpoint", "heartbeat", "job", "organization", "retention", "workspace"])
def test_an_edit_promises_no_defaults(group: str) -> None:
    """A field that is not given stays as it is: a default in the help of `edit` would say otherwise."""
    shown = run(group, "edit", "--help").stdout
    assert ("Usage:" in shown, re.findall(r"\[default:[^\]]*\]", shown)) == (True, [])
