"""tests/made_once.py: what is kept from run to run is whole, and made again as soon as anything of it changes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from made_once import contents, made_once

Make = Callable[..., str]


@pytest.fixture
def make(tmp_path: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Return what the folder says that `of` makes: the number of times that anything was made so far."""
    made: list[Path] = []
    monkeypatch.setattr("made_once.folder_of", lambda *_: tmp_path)

    def fill(folder: Path) -> None:
        made.append(folder)
        (folder / "said").write_text(str(len(made)))

    return lambda *of: (made_once(pytestconfig, "it", of, fill) / "said").read_text()


def test_it_is_made_again_where_a_part_differs_or_ends_elsewhere(make: Make) -> None:
    assert [make("a", b"b"), make("a", "b"), make("ab"), make("b", "a"), make("a", "b", "")] == list("11234")


def test_only_the_newest_is_kept(make: Make, tmp_path: Path) -> None:
    assert [make("a"), make("b"), make("a")] == ["1", "2", "3"]
    assert len(list(tmp_path.iterdir())) == 1


def test_what_fails_or_is_removed_by_half_is_not_there(
    make: Make, tmp_path: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(folder: Path) -> None:
        (folder / "said").write_text("half")
        raise RuntimeError("it fails")

    with pytest.raises(RuntimeError, match="it fails"):
        made_once(pytestconfig, "it", ["a"], fail)
    assert make("a") == "1"
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)  # as if the process ended before
    assert make("b") == "2"
    assert make("a") == "3"


def test_a_file_counts_by_its_name_and_what_it_holds(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text("same")
    assert contents(tmp_path, ["one"]) != contents(tmp_path, ["two"])
    assert contents(tmp_path, ["two", "one"]) == ["one", b"same", "two", b"same"]
