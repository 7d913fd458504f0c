"""Time zone data: which version a file has, when it is old, and which zones two sides read differently."""

import zoneinfo
from datetime import UTC, date, datetime
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from kronos import tzdata
from kronos.tzdata import ZoneReading

WINTER, SUMMER = datetime(2026, 1, 15, 12, tzinfo=UTC), datetime(2026, 7, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "version"),
    [("# version 2025b", "2025b"), ("2025b\n", "2025b"), ("# version 1999zz", "1999zz"), ("version 2025", None),
     ("# redo 2025abc", None), ("", None), (None, None)],
)  # fmt: skip
def test_the_version_is_read_from_a_files_first_line(text: str | None, version: str | None) -> None:
    assert tzdata.version_in(text) == version


@pytest.mark.parametrize(
    ("version", "today", "is_old"),
    [
        ("2025b", date(2026, 7, 1), False),
        ("2025b", date(2026, 7, 2), True),
        ("2026a", date(2026, 7, 2), False),
        ("2026a", date(2027, 7, 1), False),
        ("2026a", date(2027, 7, 2), True),
        ("unknown", date(2999, 1, 1), False),
        ("x2025b", date(2999, 1, 1), False),
    ],
)
def test_data_is_old_once_more_than_a_year_has_certainly_passed(version: str, today: date, is_old: bool) -> None:
    assert tzdata.is_old(version, today) is is_old


def test_the_first_folder_with_a_version_is_the_one_that_python_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("empty", "first", "second"):
        (tmp_path / name).mkdir()
    (tmp_path / "first" / "+VERSION").write_text("2025b\n")
    (tmp_path / "second" / "tzdata.zi").write_text("# version 2024a\nR A 1980\n")
    monkeypatch.setattr(zoneinfo, "TZPATH", [str(tmp_path / name) for name in ("missing", "empty", "first", "second")])
    assert tzdata.client_version() == "2025b"
    (tmp_path / "first" / "tzdata.zi").write_text("# version 2026a\n# 1999a\n")
    assert tzdata.client_version() == "2026a"


@pytest.mark.parametrize(("packaged", "version"), [("2025.2", "2025b"), ("2026.1.post1", "2026a"), ("dev", None)])
def test_without_files_the_version_is_the_packages(
    monkeypatch: pytest.MonkeyPatch, packaged: str, version: str | None
) -> None:
    monkeypatch.setattr(zoneinfo, "TZPATH", [])
    monkeypatch.setattr(tzdata, "version", lambda name: {"tzdata": packaged}[name])
    assert tzdata.client_version() == version


def test_without_files_and_without_the_package_no_version_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(zoneinfo, "TZPATH", [])
    monkeypatch.setattr(tzdata, "version", missing)
    assert tzdata.client_version() is None


def reading(timezone: str, winter: int, summer: int) -> ZoneReading:
    return ZoneReading(timezone=timezone, probes=[WINTER, SUMMER], distances=[winter, summer])


def test_zones_that_the_other_side_reads_with_other_offsets_are_named() -> None:
    found = tzdata.differing(
        [
            reading("Europe/Berlin", 3600, 7200),
            reading("America/New_York", -18_000, -14_400),
            reading("Asia/Kolkata", 19_800, 19_800),
            reading("Europe/Paris", 3600, 3600),  # without summer time
            reading("America/Chicago", 21_600, 18_000),  # with the other sign
            reading("UTC", 0, 1),
        ]
    )
    assert found == ["Europe/Paris", "America/Chicago", "UTC"]


@pytest.mark.parametrize("name", ["Nowhere/Atlantis", "", "/etc/passwd", "../UTC", "a\0b"])
def test_a_zone_that_is_unknown_here_does_not_count_as_different(name: str) -> None:
    assert tzdata.differing([reading(name, 0, 0)]) == []


def test_a_probe_in_another_zone_is_the_same_instant() -> None:
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    probes = [each.astimezone(berlin) for each in (WINTER, SUMMER)]
    assert tzdata.differing([ZoneReading(timezone="Europe/Berlin", probes=probes, distances=[3600, 7200])]) == []
