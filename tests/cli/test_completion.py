"""Tab completion: in the shells themselves, and through click's protocol where a shell is not installed."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

import quick
from cli.commands import Kronos
from cli.stranger import Stranger
from conftest import Api
from kronos.cli.names import SECONDS

Complete = Callable[..., list[str]]


@pytest.fixture
def known(no_contexts: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of a shell that finds `kronos`, without an API."""
    here = {name: value for name, value in os.environ.items() if not name.startswith("KRONOS_")}
    path = f"{quick.folder()}{os.pathsep}{here['PATH']}"
    return here | {"PATH": path, "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(no_contexts)}


@pytest.fixture
def api_known(known: dict[str, str], shared_api: Api, workspace: str) -> dict[str, str]:
    """Like `known`, with an API."""
    return known | {
        "KRONOS_URL": str(shared_api.client.base_url),
        "KRONOS_API_KEY": shared_api.key,
        "KRONOS_WORKSPACE": workspace,
    }


def by_protocol(words: str, known: dict[str, str]) -> list[str]:
    """The completions of the last word, without a shell."""
    asked = known | {
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
        "_KRONOS_COMPLETE": "bash_complete",
    }
    ended = subprocess.run(
        [quick.folder() / "kronos"], env=asked, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    )
    assert ended.stderr == ""
    return [line.partition(",")[2] for line in ended.stdout.splitlines() if line]


def in_bash(words: str, known: dict[str, str]) -> list[str]:
    """Bash's completions, from the function that it loaded."""
    script = f"""
        eval "$(kronos completion bash)"
        COMP_WORDS=({words if not words.endswith(" ") else words + "''"})
        COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
        $(complete -p kronos | sed 's/.*-F \\([^ ]*\\) .*/\\1/') kronos
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    return _said(["bash", "--norc", "-c", script], known)


def in_fish(words: str, known: dict[str, str]) -> list[str]:
    """Fish's completions."""
    script = f"kronos completion fish | source; complete --do-complete '{words}'"
    return [line.partition("\t")[0] for line in _said(["fish", "--no-config", "-c", script], known)]


def in_zsh(words: str, known: dict[str, str]) -> list[str]:
    """Zsh's completions, from the function that it loaded."""
    last = words.split(" ")[-1]
    quoted = " ".join(f'"{word}"' for word in words.split(" "))
    script = f"""
        compdef() {{ }}
        eval "$(kronos completion zsh)"
        compadd() {{ while [[ $1 == -* ]]; do [[ $1 == -V ]] && shift; shift; done; print -l -- "${{(@P)1}}" }}
        _describe() {{ local -a found; found=("${{(@P)3}}"); print -l -- "${{(@)found%%:*}}" }}
        words=({quoted}); CURRENT={len(words.split(" "))}
        _kronos_completion
    """
    return [line for line in _said(["zsh", "-f", "-c", script], known) if line.startswith(last)]


def _said(command: list[str], known: dict[str, str]) -> list[str]:
    ended = subprocess.run(
        command, env=known, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60
    )
    assert ended.stderr == ""
    return [line for line in ended.stdout.splitlines() if line]


SHELLS = [
    pytest.param(by_protocol, id="protocol"),
    *(
        pytest.param(
            complete, id=name, marks=pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed")
        )
        for name, complete in (("bash", in_bash), ("fish", in_fish), ("zsh", in_zsh))
    ),
]


@pytest.mark.parametrize("complete", SHELLS)
def test_commands_options_and_names_are_completed(
    complete: Complete, kronos: Kronos, api_known: dict[str, str]
) -> None:
    kronos("endpoint", "create", "hook", "--to", "https://example.com/a", "--title", "Where: it goes")
    for name in ("report", "reports-2", "nightly"):
        assert kronos("job", "create", name, "--endpoint", "hook", "--cron", "0 9 * * 1").exit_code == 0
    assert complete("kronos endp", api_known) == ["endpoint"]
    assert complete("kronos job next", api_known) == ["next-runs"]
    assert complete("kronos job create --endpo", api_known) == ["--endpoint"]
    assert sorted(complete("kronos job get rep", api_known)) == ["report", "reports-2"]
    assert complete("kronos endpoint rm ho", api_known) == ["hook"]
    assert complete("kronos job create new --endpoint h", api_known) == ["hook"]


def test_each_thing_that_has_a_name_is_completed(kronos: Kronos, api_known: dict[str, str], workspace: str) -> None:
    kronos("config", "create", "team", "{}")
    kronos("payload-spec", "create", "order", "{}")
    kronos("endpoint", "create", "hook", "--to", "https://example.com/a")
    run = json.loads(kronos("job", "create", "once", "--endpoint", "hook", "--now", "--json").stdout)
    run_id = run["execution"]["execution_id"]
    public_id = json.loads(kronos("key", "create", "--role", "viewer", "--json").stdout)["public_id"]
    for words, wanted in (
        ("kronos config get t", "team"),
        ("kronos payload-spec rm o", "order"),
        ("kronos endpoint create other --payload-spec o", "order"),
        (f"kronos key revoke {public_id[:4]}", public_id),
        (f"kronos workspace get {workspace[:-2]}", workspace),
        (f"kronos job ls -w {workspace[:-2]}", workspace),
        ("kronos execution ls --job on", "once"),
        (f"kronos execution get {run_id[:13]}", run_id),
    ):
        assert wanted in by_protocol(words, api_known), words


def test_what_is_to_be_made_is_not_completed_with_what_there_is(kronos: Kronos, api_known: dict[str, str]) -> None:
    kronos("config", "create", "team", "{}")
    assert by_protocol("kronos config create t", api_known) == []


def test_names_are_asked_of_the_api_that_is_typed(kronos: Kronos, shared_api: Api, known: dict[str, str]) -> None:
    kronos("config", "create", "team", "{}")
    workspace = json.loads(kronos("config", "get", "team", "--json").stdout)["workspace"]
    key = {"KRONOS_API_KEY": shared_api.key}
    typed = f"kronos config get --url {shared_api.client.base_url} -w {workspace} t"
    assert by_protocol(typed, known | key) == ["team"]
    assert by_protocol(typed.replace("-w", "-x"), known | key) == []
    added = ("context", "add", "staging", "--url", str(shared_api.client.base_url), "-w", workspace)
    subprocess.run([quick.folder() / "kronos", *added], env=known | key, check=True, stdout=subprocess.DEVNULL)
    assert by_protocol("kronos job ls --context s", known) == ["staging"]
    assert by_protocol("kronos context use s", known) == ["staging"]
    assert by_protocol("kronos config get --context staging t", known) == ["team"]


def test_a_name_that_a_shell_would_run_is_not_offered(stranger: Stranger, known: dict[str, str]) -> None:
    names = ["good-one", "$(touch pwned)", "`id`", "a b", "a;b", "a\nb", "*", "~root", "a'b", "é", "--yes", "-rf"]
    rows = [{"name": name} for name in names]
    stranger.answers(200, json.dumps({"data": [*rows, {"name": 7}, 3, {}], "next_cursor": None}).encode())
    env = known | {"KRONOS_URL": stranger.url, "KRONOS_API_KEY": "k", "KRONOS_WORKSPACE": "w"}
    for words in ("config get ", "secret get ", "endpoint create other --signing-secret "):
        assert by_protocol(f"kronos {words}", env) == ["good-one"]


@pytest.mark.parametrize(("status", "body"), [(401, b"{}"), (500, b"<html>"), (200, b"[]"), (200, b'{"data": 7}')])
def test_an_api_that_answers_otherwise_completes_nothing_and_says_nothing(
    stranger: Stranger, known: dict[str, str], status: int, body: bytes
) -> None:
    stranger.answers(status, body)
    env = known | {"KRONOS_URL": stranger.url, "KRONOS_API_KEY": "k", "KRONOS_WORKSPACE": "w"}
    assert by_protocol("kronos config get ", env) == []


def test_whatever_is_missing_completes_nothing_and_asks_for_nothing(
    known: dict[str, str], no_contexts: Path, stranger: Stranger
) -> None:
    there = {"KRONOS_URL": stranger.url}
    for env in ({}, there, {"KRONOS_URL": "http://127.0.0.1:1", "KRONOS_API_KEY": "k"}, {"KRONOS_TYPO": "1"}):
        assert by_protocol("kronos config get ", known | env) == []
    assert stranger.asked_by(lambda: by_protocol("kronos config get --key-file - ", known | there)) == ""
    (no_contexts / "kronos").mkdir()
    (no_contexts / "kronos" / "context").write_text("staging\n")
    (no_contexts / "kronos" / "context").chmod(0o644)
    assert by_protocol("kronos config get ", known) == []


def test_an_api_that_does_not_answer_is_not_waited_for(known: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        env = known | {
            "KRONOS_URL": f"http://127.0.0.1:{silent.getsockname()[1]}", "KRONOS_API_KEY": "k", "KRONOS_WORKSPACE": "w",
        }  # fmt: skip
        began = monotonic()
        assert by_protocol("kronos config get ", env) == []
        assert monotonic() - began > SECONDS  # it was asked, and given up long before this test would end
