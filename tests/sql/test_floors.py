"""The floors of sql/functions: a function calls only its own floor and those below, and each function is called."""

import subprocess
from pathlib import Path

import pytest

import callers
from kronos import floors, repeatable_files, sql
from migrations.releases import Release, next_release

ROOT = Path(__file__).parents[2]


def _upward() -> list[str]:
    there = callers.functions()
    return [
        f"{caller.place} → {there[name].place}"
        for caller in there.values()
        for name in sorted(caller.calls)
        if there[name].floor.height > caller.floor.height
    ]


def _uncalled() -> list[str]:
    there = callers.functions()
    called = {name for each in [*there.values(), *callers.others()] for name in each.calls}
    return [each.place for name, each in there.items() if name not in called]


def test_no_function_calls_one_of_a_floor_above() -> None:
    assert _upward() == []


_OF_THE_RELEASE_BEFORE = ["lookup/find_api_key", "delivery/pick_keyed", "deletion/delete_workspace"]
"""Only processes of the previous release call these: tests/migrations/test_previous_release.py."""


def test_each_function_is_called_by_somebody() -> None:
    assert _uncalled() == _OF_THE_RELEASE_BEFORE


def test_no_head_says_by_hand_who_calls_the_function() -> None:
    """bin/callers shows the callers and is never outdated. Of 156 such handwritten lines, 40 were wrong."""
    assert [path.name for _, path in floors.functions() if "called by:" in path.read_text().lower()] == []


def test_each_floor_is_a_folder() -> None:
    folders = [path.name for path in (sql.root() / "functions").iterdir() if path.is_dir()]
    assert sorted(floors.floors()) == sorted(folders)


def test_each_name_stands_once() -> None:
    names = [path.stem for _, path in floors.functions()]
    assert sorted(names) == sorted(set(names))


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    return next_release(tmp_path, monkeypatch)


def _function(name: str, body: str) -> str:
    return (
        f"-- {name}: made up.\ncreate or replace function kronos.{name}() returns integer\nlanguage sql\nreturn "
        f"{body};\n"
    )


def test_a_call_upward_is_printed_with_its_floors(release: Release) -> None:
    release.write("functions/ground/low.sql", _function("low", "kronos.high(  )"))
    release.write("functions/ring/high.sql", _function("high", "kronos.low()"))
    assert _upward() == ["ground/low → ring/high"]


def test_a_call_upward_by_way_of_a_view_is_one(release: Release) -> None:
    release.write(
        "views/seen.sql",
        "create or replace view kronos.seen with (security_invoker = true) as select kronos.high() as n;",
    )
    release.write("functions/ground/low.sql", _function("low", "(select n from kronos.seen)"))
    release.write("functions/ring/high.sql", _function("high", "1"))
    assert _upward() == ["ground/low → ring/high"]


def test_comments_and_the_command_of_pg_cron_are_no_calls(release: Release) -> None:
    release.write(
        "functions/ground/low.sql", _function("low", "1 -- kronos.fire(x)\n + length('select kronos.fire(%L)')")
    )
    assert _upward() == []


def test_a_function_that_nobody_calls_is_named(release: Release) -> None:
    release.write("functions/words/lonely.sql", _function("lonely", "kronos.lonely()"))
    release.write("functions/words/unwanted.sql", _function("unwanted", "1"))
    assert {"words/lonely", "words/unwanted"} <= set(_uncalled())


def test_each_file_is_read_once_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    repeatable_files._read.cache_clear()
    read: list[Path] = []
    read_bytes = Path.read_bytes

    def noted(path: Path) -> bytes:
        read.append(path)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", noted)
    files = repeatable_files.read()
    assert {each.path for each in files.functions.values()} <= set(read)
    assert repeatable_files.read() is files
    assert len(read) == len(set(read))
    assert all(each.text == each.path.read_bytes() for each in files.functions.values())


def test_a_folder_that_is_no_floor_is_refused(release: Release) -> None:
    (release.root / "functions" / "attic").mkdir()
    release.write("functions/attic/box.sql", _function("box", "1"))
    with pytest.raises(RuntimeError, match=r"no floor in .*README\.md for attic of sql/functions"):
        floors.functions()


def test_functions_come_from_the_ground_up_and_after_those_that_they_call(release: Release) -> None:
    release.write("functions/ground/a_caller.sql", _function("a_caller", "kronos.z_callee()"))
    release.write("functions/ground/z_callee.sql", _function("z_callee", "1"))
    heights = [floor.height for floor, _ in floors.functions()]
    names = [path.stem for _, path in floors.functions()]
    assert heights == sorted(heights)
    assert names.index("z_callee") < names.index("a_caller") < names.index("fire")
    assert len(names) == len(list((release.root / "functions").glob("*/*.sql")))


def test_a_tool_says_who_calls_a_function_and_what_it_calls() -> None:
    lines = callers.listing(["fire", "stop_backfills", "register_entry", "ensure_internal_jobs"]).splitlines()
    assert lines[:2] == ["ring/fire", "  called by pg_cron: the command of each entry"]
    assert "  calls     accounting/account_all" in lines
    assert "  called by trigger jobs_cancel_backfills on kronos.jobs" in lines
    assert "  called by sql/queries/jobs.sql: insert_cron_jobs" in lines
    assert "  called by kronos/migrations.py" in lines


def test_the_tool_answers_at_the_shell() -> None:
    asked = subprocess.run([ROOT / "bin" / "callers", "grace", "no_such"], capture_output=True, text=True, check=False)
    assert (asked.returncode, asked.stdout, asked.stderr) == (2, "", "no function no_such in sql/functions\n")
