"""What the product promises to operators and programs is named in a test: each setting, log event, SQLSTATE, metric and
check of the doctor. Whoever adds one, tests it."""

import re
from functools import cache
from pathlib import Path

import pytest

from kronos.config import Settings
from kronos.doctor.checks import CHECKS
from kronos.metrics import catalog, instance
from kronos.metrics.definition import Metric

ROOT = Path(__file__).parents[2]
_STATE = re.compile(r"KR0\d\d")


@cache
def _tests() -> str:
    """The text of all tests but this one."""
    paths = (path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__))
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


@cache
def _quoted() -> set[str]:
    """What stands between quotes there."""
    return set(re.findall(r'"([^"\n]+)(?=")', _tests()))


def _raised() -> set[str]:
    """The SQLSTATEs that the schema's functions raise."""
    return {each for path in (ROOT / "sql").rglob("*.sql") for each in _STATE.findall(path.read_text(encoding="utf-8"))}


def _events() -> list[str]:
    return re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \| [A-Z]+ \|", (ROOT / "docs" / "logs.md").read_text(), re.MULTILINE)


def _unnamed(kind: str) -> list[str]:
    text = _tests()
    match kind:
        case "settings":  # by its variable, or as an argument of a helper that starts a process
            named = set(re.findall(r"\bKRONOS_([A-Z_]+)|\b([a-z_]+)=|\"([a-z_]+)\":", text))
            known = {each.lower() for groups in named for each in groups}
            return [each for each in Settings.model_fields if each not in known]
        case "events":
            return [each for each in _events() if each not in _quoted()]
        case "states":
            return sorted(_raised() - set(_STATE.findall(text)))
        case "checks":
            return [each for each in CHECKS if each not in _quoted()]
        case _:  # by its name, with or without its prefix, or as Kronos's code names it
            return [
                metric.name
                for module in (catalog, instance)
                for name, metric in vars(module).items()
                if isinstance(metric, Metric)
                and metric.name not in text
                and f'"{metric.name.removeprefix("kronos_")}' not in text
                and f"{module.__name__.rpartition('.')[2]}.{name}" not in text
            ]


@pytest.mark.parametrize("kind", ["settings", "events", "states", "checks", "metrics"])
def test_each_of_them_is_named_in_a_test(kind: str) -> None:
    assert _unnamed(kind) == []


def test_they_are_found_at_all() -> None:
    assert [len(_events()) > 60, len(_raised()) > 20, len(CHECKS) > 80, "KR014" in _raised()] == [True] * 4
