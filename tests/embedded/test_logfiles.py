"""Logs are bounded, whatever is written to them and however much, and whether or not there is room for the old one."""

import stat
from pathlib import Path

import pytest

from kronos.embedded import logfiles

_SMALL = 1000


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfiles, "LARGEST_BYTES", _SMALL)


def test_a_log_is_moved_once_it_is_large_and_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"a" * _SMALL)
        logfiles.rotate(log)
        assert [path.name for path in tmp_path.iterdir()] == ["api.log"]
        writer.write(b"b")
        logfiles.rotate(log)
        writer.write(b"after")
    old = tmp_path / "api.log.1"
    assert log.read_bytes() == b"after"
    assert old.read_bytes() == b"a" * (_SMALL - 1) + b"b"
    assert stat.S_IMODE(old.stat().st_mode) == 0o600


def test_of_a_log_that_grew_while_nobody_looked_the_end_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    (tmp_path / "api.log.1").write_bytes(b"older")
    log.write_bytes(b"a" * 50 * _SMALL + b"b" * _SMALL)
    logfiles.rotate(log)
    assert (tmp_path / "api.log.1").read_bytes() == b"b" * _SMALL
    assert log.read_bytes() == b""


def test_without_room_for_the_old_one_it_is_emptied_all_the_same_and_reported(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_bytes(b"a" * 2 * _SMALL)
    (tmp_path / "api.log.1").mkdir()
    with pytest.raises(IsADirectoryError):
        logfiles.rotate(log)
    assert log.read_bytes() == b""


def test_a_log_that_is_not_there_is_no_matter(tmp_path: Path) -> None:
    logfiles.rotate(tmp_path / "api.log")
    assert logfiles.end_of(tmp_path / "api.log") == ""


def test_the_end_of_a_log_is_its_last_ten_lines(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_bytes(b"".join(b"%d \xff\n" % n for n in range(100_000)))
    assert logfiles.end_of(log).splitlines() == [f"{n} \ufffd" for n in range(99_990, 100_000)]


def test_what_a_process_wrote_at_each_start_is_shown_once(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_text("Error: it lacks a file\n" * 4 + "it starts\nError: it lacks a file\n")
    assert logfiles.end_of(log) == "Error: it lacks a file\nit starts"
