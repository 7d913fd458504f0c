"""Contexts select the API and the key; a key is never sent or shown to anything else."""

import errno
import json
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from click.testing import CliRunner, Result

from cli.stranger import Stranger
from kronos.__main__ import main
from kronos.cli import contexts
from kronos.cli.exits import Ended, Exit

OURS, OTHERS = (f"kr_live_{name}_{name * 8}" for name in ("ours55", "others"))
URL = "http://127.0.0.1:1"
Run = Callable[..., Result]


@pytest.fixture
def run(no_contexts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command as a user without settings and without a running instance."""
    for name in [name for name in os.environ if name.startswith("KRONOS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    def invoke(*arguments: str, stdin: str | None = None, **env: str) -> Result:
        result = CliRunner().invoke(main, arguments, env=env, input=stdin, catch_exceptions=False)
        assert OURS not in result.output
        assert OTHERS not in result.output
        return result

    return invoke


@pytest.fixture
def staging(run: Run, stranger: Stranger) -> None:
    """A context whose API is the stranger, which answers with an empty list."""
    stranger.answers(200, b'{"data": [], "next_cursor": null}')
    assert run("context", "add", "staging", "--url", stranger.url, "-w", "acme", KRONOS_API_KEY=OURS).exit_code == 0


def file_of(folder: Path, name: str) -> Path:
    return folder / "kronos" / "contexts" / f"{name}.json"


def test_it_is_kept_where_nobody_else_reads_it(run: Run, no_contexts: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{OURS}\n")
    added = run("context", "add", "a", "--url", "https://k.example.com", "--key-file", str(tmp_path / "key"), "--use")
    assert "kr_live_ours55_***" in added.stdout
    piped = run("context", "add", "b", "--url", "https://b.example.com/x", "--key-file", "-", stdin=f"{OTHERS}\n")
    assert piped.exit_code == 0
    assert json.loads(file_of(no_contexts, "a").read_text()) == {"url": "https://k.example.com", "key": OURS}
    assert json.loads(file_of(no_contexts, "b").read_text())["key"] == OTHERS
    for path in (no_contexts / "kronos").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert [line.split()[:2] for line in run("context", "ls").stdout.splitlines()[1:]] == [["*", "a"], ["-", "b"]]
    assert [each["current"] for each in json.loads(run("context", "ls", "--json").stdout)] == [True, False]
    assert run("context", "ls", "--plain").stdout.splitlines()[1].split("\t")[:2] == ["", "b"]


def test_one_that_is_there_is_replaced_only_where_that_is_said(run: Run) -> None:
    for more, code in (((), 0), ((), Exit.CONFLICT), (("--replace",), 0)):
        added = run("context", "add", "a", "--url", "https://k.example.com", *more)
        assert added.exit_code == code
    assert "context a has no key: pass --key-file or set KRONOS_API_KEY" in added.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "../a", "--url", "https://k"), "is not a valid context name"),
        (("add", ".a", "--url", "https://k"), "is not a valid context name"),
        (("add", "", "--url", "https://k"), "is not a valid context name"),
        (("add", "a", "--url", "https://me:sekrit@k"), "contains more than an address"),
        (("add", "a", "--url", "k.example.com"), "is not an address of an API"),
        (("add", "a", "--url", "https://k", "--key-file", "/proc/none"), "cannot read a key from /proc/none"),
        (("add", "a", "--url", "https://k", "--key-file", "/proc/version"), "a key is one word"),
        (("use",), "which context?"),
        (("use", "a", "--none"), "which context?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_is_none_is_refused_and_nothing_is_kept(
    run: Run, no_contexts: Path, arguments: tuple[str, ...], told: str
) -> None:
    refused = run("context", *arguments)
    assert (refused.exit_code, told in refused.stderr, "sekrit" in refused.output) == (Exit.USAGE, True, False)
    assert list(no_contexts.iterdir()) == []


def test_what_is_not_there_is_said_with_what_is(run: Run) -> None:
    run("context", "add", "staging", "--url", URL)
    for typed in (("context", "use", "stagin"), ("context", "rm", "stagin"), ("job", "ls", "--context", "stagin")):
        absent = run(*typed)
        assert (absent.exit_code, "contexts: staging" in absent.stderr) == (Exit.NOT_FOUND, True)


@pytest.mark.usefixtures("staging")
def test_the_one_that_is_used_is_asked_with_its_key_in_its_workspace(run: Run, stranger: Stranger) -> None:
    assert run("job", "ls").exit_code == Exit.USAGE
    run("context", "use", "staging")
    assert stranger.asked_by(lambda: run("job", "ls")) == f"Bearer {OURS}"
    shown = json.loads(run("context", "show", "--json").stdout)
    assert shown == {
        "context": "staging", "url": stranger.url, "url_from": "context", "workspace": "acme",
        "workspace_from": "context", "key": "kr_live_ours55_***", "key_from": "context",
    }  # fmt: skip
    run("context", "rm", "staging")
    assert "no API is configured" in run("job", "ls").stderr


@pytest.mark.usefixtures("staging")
@pytest.mark.parametrize(
    ("typed", "env", "wanted"),
    [
        ((), {}, ("context", "context", "context")),
        ((), {"KRONOS_CONTEXT": "staging"}, ("context", "context", "context")),
        ((), {"KRONOS_API_KEY": OTHERS}, ("context", "environment", "context")),
        ((), {"KRONOS_WORKSPACE": "umbrella"}, ("context", "context", "environment")),
        ((), {"KRONOS_URL": URL, "KRONOS_API_KEY": OTHERS}, ("environment", "environment", None)),
    ],
)
def test_what_says_so_is_shown(
    run: Run, typed: tuple[str, ...], env: dict[str, str], wanted: tuple[str | None, ...]
) -> None:
    if "KRONOS_CONTEXT" not in env:
        run("context", "use", "staging")
    shown = json.loads(run("context", "show", "--json", *typed, **env).stdout)
    assert (shown["url_from"], shown["key_from"], shown["workspace_from"]) == wanted


@pytest.mark.usefixtures("staging")
def test_an_option_stands_above_the_environment_and_that_above_a_context(
    run: Run, stranger: Stranger, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(OTHERS)
    run("context", "add", "elsewhere", "--url", URL, "-w", "umbrella")
    left_over = {"KRONOS_URL": URL, "KRONOS_API_KEY": OTHERS, "KRONOS_WORKSPACE": "umbrella"}
    for typed, env, key in (
        (("--context", "staging"), left_over, OURS),
        (("--context", "staging", "--key-file", str(tmp_path / "key")), {}, OTHERS),
        ((), {"KRONOS_CONTEXT": "staging", "KRONOS_API_KEY": OTHERS}, OTHERS),
        (("-w", "w", "--url", stranger.url), {"KRONOS_API_KEY": OTHERS, "KRONOS_CONTEXT": "elsewhere"}, OTHERS),
        (("-w", "w"), {"KRONOS_URL": stranger.url, "KRONOS_API_KEY": OTHERS, "KRONOS_CONTEXT": "elsewhere"}, OTHERS),
    ):
        asked = stranger.asked_by(lambda typed=typed, env=env: run("job", "ls", *typed, **env))  # type: ignore[misc]
        assert asked == f"Bearer {key}", (typed, env)
    both = run("job", "ls", "--context", "staging", "--url", URL)
    assert (both.exit_code, "pass only one of the two" in both.stderr) == (Exit.USAGE, True)


@pytest.mark.usefixtures("staging")
def test_its_key_and_workspace_go_to_no_other_address(run: Run, stranger: Stranger) -> None:
    run("context", "use", "staging")
    answers: list[Result] = []

    def ask() -> None:
        answers.append(run("job", "ls", "--url", stranger.url, "-w", "w"))
        answers.append(run("job", "ls", "-w", "w", KRONOS_URL=stranger.url))

    assert stranger.asked_by(ask) == ""
    assert [each.exit_code for each in answers] == [Exit.USAGE] * 2
    assert all("no API key is configured" in each.stderr for each in answers)
    lost = run("job", "ls", "--url", stranger.url, KRONOS_API_KEY=OTHERS)
    assert (lost.exit_code, "'--workspace'" in lost.stderr) == (Exit.USAGE, True)


@pytest.mark.usefixtures("staging")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602, 0o610])
def test_one_that_others_can_read_or_change_is_refused(
    run: Run, no_contexts: Path, stranger: Stranger, mode: int
) -> None:
    run("context", "use", "staging")
    file = file_of(no_contexts, "staging")
    file.chmod(mode)
    answers: list[Result] = []
    assert stranger.asked_by(lambda: answers.append(run("job", "ls"))) == ""
    assert answers[0].exit_code == Exit.USAGE
    assert f"has mode {mode:04o}" in answers[0].stderr
    assert f"chmod 600 {file}" in answers[0].stderr
    assert f"chmod 600 {file}" in run("context", "ls").stderr
    file.chmod(0o600)
    (no_contexts / "kronos" / "context").chmod(0o666)
    assert "chmod 600" in run("job", "ls").stderr


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"url": 1}', b'{"key": "k"}', b"[" * 100_000])
def test_one_that_was_edited_is_a_sentence(run: Run, no_contexts: Path, content: bytes) -> None:
    run("context", "add", "a", "--url", URL)
    file_of(no_contexts, "a").write_bytes(content)
    told = run("job", "ls", "--context", "a")
    assert (told.exit_code, "add the context again" in told.stderr) == (Exit.USAGE, True)
    assert len(told.stderr.splitlines()) == 1


def test_what_is_no_file_is_a_sentence(run: Run, no_contexts: Path) -> None:
    file_of(no_contexts, "a").mkdir(parents=True)
    os.mkfifo(file_of(no_contexts, "b"), 0o600)
    for name in ("a", "b"):
        told = run("job", "ls", "--context", name)
        assert (told.exit_code, "is not a regular file: remove it" in told.stderr) == (Exit.USAGE, True)


def test_one_of_somebody_else_is_not_trusted(run: Run, no_contexts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("context", "add", "a", "--url", URL)
    os.chown(file_of(no_contexts, "a"), 12345, -1) if os.geteuid() == 0 else pytest.skip("only root gives files away")
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    assert "belongs to another user" in run("job", "ls", "--context", "a").stderr


@pytest.mark.usefixtures("staging")
def test_errors_say_which_one_was_used(run: Run, stranger: Stranger) -> None:
    where = f"(context staging: {stranger.url})"
    for status, body in ((404, b'{"code": "job_not_found", "detail": "no job"}'), (503, b"<html>"), (200, b"[]")):
        stranger.answers(status, body)
        assert run("job", "get", "report", "--context", "staging").stderr.splitlines()[-1] == where
    run("context", "add", "away", "--url", URL, "-w", "w", KRONOS_API_KEY=OURS)
    assert f"(context away: {URL})" in run("job", "ls", "--context", "away").stderr
    stranger.answers(404, b'{"code": "job_not_found", "detail": "no job"}')
    by_url = run("job", "get", "report", "--url", stranger.url, "-w", "w", KRONOS_API_KEY=OURS)
    assert by_url.stderr == "Error: no job\n"


def test_a_context_does_not_show_its_key_to_who_prints_it() -> None:
    assert OURS not in repr(contexts.KeptContext(name="a", url=URL, key=OURS))
    assert contexts.shown_of("hunter2") == "***"


def test_several_commands_write_one_at_once_and_each_is_whole(no_contexts: Path, tmp_path: Path) -> None:
    """No writer fails, and the file is always one writer's whole content, never a mix of two."""
    together = Barrier(8)

    def add(number: int) -> None:
        together.wait()
        for _ in range(20):
            contexts.write(contexts.KeptContext(name="a", url=f"http://{number}.example.com", key=f"{number}" * 4000))

    with ThreadPoolExecutor(8) as pool:
        for ended in [pool.submit(add, number) for number in range(8)]:
            ended.result()
    found = contexts.read("a")
    assert found.key == found.url[7] * 4000
    assert [each.name for each in file_of(no_contexts, "a").parent.iterdir()] == ["a.json"]


def test_one_that_cannot_be_written_leaves_no_key_behind(no_contexts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Ended, match="No space left"):
        contexts.write(contexts.KeptContext(name="a", url=URL, key=OURS))
    assert list(file_of(no_contexts, "a").parent.iterdir()) == []


@pytest.mark.usefixtures("staging")
@pytest.mark.parametrize("option", ["--url", "--context", "--workspace"])
def test_an_option_that_says_nothing_is_not_another_place(run: Run, stranger: Stranger, option: str) -> None:
    """A script's unset variable leaves the option empty: without the error, the command would delete something
    elsewhere."""
    run("context", "use", "staging")
    asked = stranger.asked_by(lambda: run("job", "rm", "report", "--yes", option, ""))
    told = run("job", "rm", "report", "--yes", option, "")
    assert (asked, told.exit_code, f"{option} is empty" in told.stderr) == ("", Exit.USAGE, True)


@pytest.mark.parametrize("url", ["http://k/\x1b[31m", "http://k x/", "http://k/ü"])
def test_an_address_is_of_visible_characters(run: Run, url: str) -> None:
    told = run("context", "add", "a", "--url", url)
    assert (told.exit_code, "is not an address of an API" in told.stderr) == (Exit.USAGE, True)
