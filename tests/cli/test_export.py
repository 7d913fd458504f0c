"""kronos export writes while it reads. The file is the same as if it had read everything first; an answer that is cut
off leaves no file."""

import json
import os
import socket
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.commands import Kronos
from kronos.cli import export, json_members, yaml_files
from kronos.cli.exits import Exit

_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=30)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | _TEXTS
    | st.sampled_from(["yes", "1e3", "~", "- a", "#"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=5,
)
_ITEMS = st.lists(st.dictionaries(_TEXTS, _VALUES, min_size=1, max_size=3), max_size=3)
_FILES = st.fixed_dictionaries({"set": st.just("default"), "secrets": _ITEMS, "configs": _ITEMS, "jobs": _ITEMS})


@settings(deadline=None, max_examples=40)
@given(document=_FILES)
def test_a_file_is_written_as_if_it_had_been_read_at_once(document: dict[str, Any]) -> None:
    text = orjson.dumps(document)
    spoken = {name: value for name, value in document.items() if value}
    as_yaml = b"".join(export.as_yaml(json_members.members(iter([text])), "S"))
    assert as_yaml.decode() == f"# yaml-language-server: $schema=S\n{yaml_files.written(spoken)}"
    as_json = b"".join(export.as_json(json_members.members(iter([text]))))
    assert as_json == orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


@contextmanager
def _answering(answer: bytes) -> Iterator[str]:
    """The URL of a server that sends this one answer, then closes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as threads:
        server.settimeout(60)

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        threads.submit(serve)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_BEGUN = b'{"set":"default","secrets":[],"configs":[{"name":"first","values":{}}'


@pytest.mark.parametrize(
    ("answer", "exit_code", "said"),
    [
        (
            _HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(_BEGUN), _BEGUN),
            Exit.UNAVAILABLE,
            "reached",
        ),
        (_HEAD + b"Connection: close\r\n\r\n" + _BEGUN, Exit.FAILED, "the text is incomplete: check that it is Kronos"),
        (_HEAD + b"Connection: close\r\n\r\n{}", Exit.FAILED, "has no set: check that it is Kronos"),
        (_HEAD + b'Connection: close\r\n\r\n{"name":"x"}', Exit.FAILED, "has no set: check that it is Kronos"),
        (_HEAD + b"Connection: close\r\n\r\n<html>", Exit.FAILED, "is not a workspace file"),
    ],
    ids=["cut off", "cut off and nobody says", "nothing", "another's", "a page"],
)
def test_a_file_that_was_there_stays_where_the_answer_is_none(
    kronos: Kronos, tmp_path: Path, answer: bytes, exit_code: Exit, said: str
) -> None:
    to = tmp_path / "kronos.yaml"
    to.write_text("as it was\n")
    with _answering(answer) as url:
        ended = kronos("export", "-o", str(to), "--url", url)
    assert (ended.exit_code, said in ended.stderr) == (exit_code, True), ended.output
    assert to.read_text() == "as it was\n"
    assert list(tmp_path.iterdir()) == [to]


def test_what_is_written_keeps_whose_the_file_is(kronos: Kronos, tmp_path: Path) -> None:
    to, link = tmp_path / "kronos.yaml", tmp_path / "link.yaml"
    to.write_text("as it was\n")
    to.chmod(0o600)
    link.symlink_to(to)
    assert kronos("export", "-o", str(link)).exit_code == 0
    assert (to.stat().st_mode & 0o777, link.is_symlink()) == (0o600, True)
    assert to.read_text().startswith("# yaml-language-server: $schema=http")


def test_a_pipe_is_written_too(kronos: Kronos) -> None:
    reads, writes = os.pipe()  # as with `-o >(gzip > it)`: no other file can be created in its folder
    try:
        assert kronos("export", "-o", f"/dev/fd/{writes}").exit_code == 0
        assert os.read(reads, 100).startswith(b"# yaml-language-server: $schema=http")
    finally:
        os.close(reads)
        os.close(writes)


def test_json_is_what_the_api_answered(kronos: Kronos, tmp_path: Path) -> None:
    printed = kronos("export", "--json")
    assert list(json.loads(printed.stdout))[:2] == ["set", "secrets"]
    assert printed.stdout == orjson.dumps(json.loads(printed.stdout), option=orjson.OPT_INDENT_2).decode() + "\n"
    to = tmp_path / "kronos.json"
    written = kronos("export", "--json", "-o", str(to))
    assert (written.stdout, written.stderr, to.read_text()) == ("", f"wrote {to}\n", printed.stdout)


def test_a_file_is_written_in_a_folder_that_takes_no_other(
    kronos: Kronos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in /dev for users other than root."""
    make = tempfile.TemporaryFile

    def refused(dir: Path | None = None) -> IO[bytes]:
        if dir is not None:
            raise PermissionError(13, "Permission denied")
        return make()

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    to = tmp_path / "kronos.yaml"
    to.write_text("as it was\n")
    assert kronos("export", "-o", str(to)).exit_code == 0
    assert to.read_text().startswith("# yaml-language-server: $schema=http")


_ANY = st.characters(codec="utf-8")
_ODD = st.text(_ANY, max_size=30) | st.sampled_from(
    ["", "?", "? x", '"":', "\\U", "🦊", "a\nb", "é" * 150, "word " * 40, "x: " * 80, "\x85", "\ufeff"]
)
_ODD_VALUES = st.recursive(
    _VALUES | _ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_ODD, inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None, max_examples=150)
@given(document=st.dictionaries(_ODD, _ODD_VALUES, max_size=3))
def test_files_are_as_they_were_when_python_alone_wrote_them(document: dict[str, Any]) -> None:
    assert yaml_files.written(document) == yaml_files._dumped(document, yaml_files._Dumper)


def test_what_most_files_hold_is_written_by_libyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    slow: list[object] = []
    monkeypatch.setattr(yaml_files._Dumper, "open", lambda dumper: slow.append(dumper))
    days = [{"starts": "2027-01-01", "name": "Neujahr: geschlossen"}]
    assert yaml_files.written({"calendars": [{"name": "closed", "days": days}]}).startswith(
        "calendars:\n- name: closed"
    )
    assert slow == []
