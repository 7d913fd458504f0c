"""Destructive commands ask for the name on a terminal, and require --confirm or --yes elsewhere."""

import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import click
import pytest

from cli.commands import Kronos
from conftest import Api
from kronos.__main__ import main
from kronos.cli.exits import Exit
from kronos.cli.helping import walk

CONFIRMED = {
    " ".join(path) for path, command in walk(main) if any("--yes" in parameter.opts for parameter in command.params)
}


def test_these_are_confirmed() -> None:
    """Not confirmed: removing what its name alone recreates, such as a role mapping, and ending work that has begun."""
    assert {
        "workspace rm", "job rm", "endpoint rm", "config rm", "payload-spec rm", "secret rm", "key revoke",
        "secrets abandon", "dead-letter discard",
    } <= CONFIRMED  # fmt: skip


def test_a_script_is_told_what_to_pass_and_nothing_is_done(kronos: Kronos) -> None:
    kronos("config", "create", "team", "{}")
    refused = kronos("config", "rm", "team")
    assert (refused.exit_code, refused.stdout) == (Exit.USAGE, "")
    assert "Pass --confirm team, or --yes" in refused.stderr
    other = kronos("config", "rm", "team", "--confirm", "teams")
    assert (other.exit_code, "--confirm is 'teams'" in other.stderr) == (Exit.USAGE, True)
    assert kronos("config", "rm", "team", "--yes", "--confirm", "teams").exit_code == Exit.USAGE
    assert kronos("config", "get", "team").exit_code == Exit.DONE
    assert kronos("config", "rm", "team", "--confirm", "team").exit_code == Exit.DONE
    assert kronos("config", "get", "team").exit_code == Exit.NOT_FOUND


def test_only_a_discard_of_all_dead_letters_is_confirmed(kronos: Kronos, workspace: str) -> None:
    assert f"--confirm {workspace}" in kronos("dead-letter", "discard").stderr
    assert kronos("dead-letter", "discard", "--dry-run").exit_code == Exit.DONE
    assert kronos("dead-letter", "discard", "--error-type", "http_status", "--no-watch").exit_code == Exit.DONE


@pytest.mark.parametrize(
    ("typed", "code"), [("team\n", Exit.DONE), ("teams\n", Exit.CANCELLED), ("\n", Exit.CANCELLED), ("\x03", None)]
)
def test_a_person_types_the_name(
    kronos: Kronos, shared_api: Api, workspace: str, tmp_path: Path, typed: str, code: Exit | None
) -> None:
    kronos("config", "create", "team", "{}")
    known = {
        **os.environ,
        "KRONOS_URL": str(shared_api.client.base_url),
        "KRONOS_API_KEY": shared_api.key,
        "KRONOS_WORKSPACE": workspace,
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    ours, theirs = pty.openpty()
    asked = [sys.executable, "-m", "kronos", "config", "rm", "team"]
    with subprocess.Popen(
        asked, env=known, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=_take_terminal
    ) as process:
        os.close(theirs)
        said = b""
        while b"to continue:" not in said:
            said += os.read(ours, 1024)
        try:
            assert _answered(process, ours, typed) == (Exit.CANCELLED if code is None else code)
        finally:
            process.kill()  # a question that goes unanswered would wait forever
    os.close(ours)
    assert b"This will delete the config team, which cannot be undone." in said
    assert kronos("config", "get", "team").exit_code == (Exit.NOT_FOUND if code == Exit.DONE else Exit.DONE)


def _take_terminal() -> None:
    """Make standard input the controlling terminal, which Ctrl-C comes from."""
    import fcntl
    import termios

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell that runs the tests in the background ignores it
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_a_workspace_is_confirmed_by_either_of_its_names(kronos: Kronos) -> None:
    for name in ("gone", "Long Gone"):
        kronos("workspace", "create", "gone", "--name", "Long Gone")
        kronos("config", "create", "team", "{}", "-w", "gone")
        assert kronos("workspace", "rm", "gone", "--confirm", "else").exit_code != Exit.DONE
        assert kronos("workspace", "rm", "gone", "--confirm", name, "--no-watch").exit_code == Exit.DONE


def test_a_dry_run_asks_nothing(kronos: Kronos, workspace: str) -> None:
    assert kronos("workspace", "rm", workspace, "--dry-run").exit_code == Exit.DONE
    kronos("endpoint", "create", "hook", "--to", "http://127.0.0.1:1/")
    tried = kronos("endpoint", "edit", "hook", "--max-attempts", "9", "--dry-run")
    assert "is_allowed  true" in tried.stdout
    assert '"max_attempts":9' not in kronos("endpoint", "get", "hook").stdout.replace(" ", "")


def test_what_has_a_dry_run_says_so_in_one_word() -> None:
    """The API's word is --validate-only; people know --dry-run."""
    for path, command in walk(main):
        for parameter in command.params:
            if isinstance(parameter, click.Option) and "--validate-only" in parameter.opts:
                assert "--dry-run" in parameter.opts, path


def _answered(process: "subprocess.Popen[bytes]", terminal: int, typed: str) -> int:
    """Type until the process has ended: keys typed while the line editor takes over the terminal may be lost."""
    for _ in range(60):
        os.write(terminal, typed.encode())
        with suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=1)
    raise AssertionError(f"{typed!r} is not heard")
