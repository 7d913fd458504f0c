"""The order in which test files run."""

import pytest

import durations


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"works long": (40.0, 5.0), "works": (20.0, 0.0), "works briefly": (2.0, 0.0)}
    files |= {"waits long": (5.0, 90.0), "waits": (1.0, 30.0), "waits briefly": (0.1, 1.0)}
    monkeypatch.setattr(durations, "_taken", lambda: files)


@pytest.mark.usefixtures("taken")
def test_the_longest_come_first_and_what_waits_is_spread_among_what_works() -> None:
    files = ["waits briefly", "works briefly", "waits", "works", "waits long", "works long"]
    assert durations.order(files) == ["waits long", "works long", "works", "waits", "works briefly", "waits briefly"]


@pytest.mark.usefixtures("taken")
def test_a_new_file_is_run_beside_those_of_middle_length() -> None:
    order = durations.order(["works", "new", "works briefly", "works long"])
    assert order == ["works long", "works", "new", "works briefly"]


def test_each_line_of_the_table_is_a_file_and_two_numbers() -> None:
    order = durations.order(durations._taken())
    assert order
    assert all(file.startswith("tests/") and file.endswith(".py") for file in order)


def test_files_that_take_no_time_are_run_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durations, "_taken", lambda: {"skipped": (0.0, 0.0), "skipped too": (0.0, 0.0)})
    assert durations.order(["skipped too", "skipped"]) == ["skipped", "skipped too"]
