"""Which jobs of a batch fit into what is left of the workspace's quotas, and what each of the others is told."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kronos import errors, quotas
from kronos.new_jobs import NewJob
from kronos.quotas import QuotaLimits, UsageRow, Used
from scripted_view import View

NO_LIMIT = dict.fromkeys(
    ("executions_left", "executions_used", "cron_jobs", "max_input_bytes", "max_cron_jobs", "max_executions_per_day")
)
DAY = {"resets_at": "2026-11-21T00:00:00+00:00", "retry_after_seconds": 42}


@dataclass
class Item:
    new: NewJob
    answer: Any = None


def once(**more: Any) -> Item:
    return Item(NewJob(endpoint="sink", trigger="IMMEDIATE", **more))


def cron(**more: Any) -> Item:
    return Item(NewJob(endpoint="sink", trigger="CRON", cron="* * * * *", **more))


def refused(room: dict[str, Any], *items: Item) -> list[str | None]:
    """Why each does not fit, as the name of its quota; None: it does."""
    quotas.refuse_each({**NO_LIMIT, **DAY, **room}, items)
    return [each.answer and each.answer.numbers["quota"] for each in items]


def test_without_limits_everything_fits() -> None:
    assert refused({}, once(), cron(), once(input={"a": "x" * 999})) == [None, None, None]


def test_the_first_executions_fit_into_what_is_left_of_the_day() -> None:
    room = {"executions_left": 2, "executions_used": 7, "max_executions_per_day": 9}
    items = [once(), cron(), once(), once(), cron(), once()]
    assert refused(room, *items) == [None, None, None, "executions_per_day", None, "executions_per_day"]
    error = items[3].answer
    assert isinstance(error, errors.QuotaUsedUp)
    assert error.detail == (
        "the workspace used up its 9 executions of the day; they are reset at 2026-11-21T00:00:00+00:00"
    )
    assert (error.numbers, error.retry_after_seconds) == (
        {"quota": "executions_per_day", "used": 9, "limit": 9, "asked": 1, "resets_at": DAY["resets_at"]}, 42,
    )  # fmt: skip


def test_the_first_cron_jobs_fit_and_a_one_shot_takes_no_place_of_theirs() -> None:
    room = {"cron_jobs": 3, "max_cron_jobs": 5}
    items = [cron(), once(), cron(), cron(), once(), cron()]
    assert refused(room, *items) == [None, None, None, "cron_jobs", None, "cron_jobs"]
    error = items[3].answer
    assert isinstance(error, errors.QuotaTooSmall)
    assert error.detail == "the workspace has 5 ACTIVE and PAUSED CRON jobs; its limit is 5"
    assert error.numbers == {"quota": "cron_jobs", "used": 6, "limit": 5}


@pytest.mark.parametrize("make", [once, cron])
def test_an_input_is_as_large_as_the_text_that_is_stored(make: Any) -> None:
    exact, larger, unicode = make(input={"a": "xy"}), make(input={"a": "xyz"}), make(input={"a": "é"})
    assert refused({"max_input_bytes": 11}, exact, larger, unicode) == [None, "input_bytes", None]
    numbers = [make(input={"a": [number]}) for number in (1e16, 1e17, 1e-7, 1.5)]
    assert refused({"max_input_bytes": 26}, *numbers) == [None, "input_bytes", None, None], "1e17 has 18 digits"
    plain = [make(input={"a": [1.5, 2, "1e17"]}), make(input={"a": [1.5, 22, "1e17"]})]
    assert refused({"max_input_bytes": len('{"a": [1.5, 2, "1e17"]}')}, *plain) == [None, "input_bytes"]
    error = larger.answer
    assert (type(error), error.faults[0].pointer, error.numbers) == (
        errors.QuotaTooSmall, "/input", {"quota": "input_bytes", "asked": 12, "limit": 11},
    )  # fmt: skip
    assert error.detail == "the input has 12 bytes, but the workspace's limit is 11"


@pytest.mark.parametrize("number", [-0.0, 0.0, -1.5])
def test_a_zero_is_stored_without_its_sign(number: float) -> None:
    size = len('{"a": 0.0}') + (number < 0)
    assert refused({"max_input_bytes": size}, once(input={"a": number})) == [None]
    assert refused({"max_input_bytes": size - 1}, once(input={"a": number})) == ["input_bytes"]


@pytest.mark.parametrize(
    ("room", "function"),
    [
        ({"max_input_bytes": 1}, "check_inputs"),
        ({"cron_jobs": 1, "max_cron_jobs": 1}, "check_cron_quotas"),
        ({"executions_left": 0, "executions_used": 1, "max_executions_per_day": 1}, "count_executions"),
    ],
)
def test_a_job_of_a_batch_is_told_what_to_do_as_a_job_on_its_own_is(room: dict[str, Any], function: str) -> None:
    items = [cron(), once()]
    refused(room, *items)
    hints = {each.answer.faults[0].hint for each in items if each.answer}
    source = (Path(quotas.__file__).parents[1] / f"sql/functions/quotas/{function}.sql").read_text()
    text = re.sub(r"(?<!')'\s+'(?!')", "", source).replace("''", "'")
    assert len(hints) == 1
    assert hints.pop() in text


def test_what_does_not_fit_takes_no_room_from_the_others() -> None:
    large = {"a": "x" * 99}
    room = {
        "max_input_bytes": 50,
        "cron_jobs": 0,
        "max_cron_jobs": 1,
        "executions_left": 1,
        "executions_used": 0,
        "max_executions_per_day": 1,
    }
    items = [cron(input=large), once(input=large), cron(), once(), cron(), once()]
    assert refused(room, *items) == [
        "input_bytes", "input_bytes", None, None, "cron_jobs", "executions_per_day",
    ]  # fmt: skip


ROW = UsageRow(
    workspace="acme", version=3, cron_jobs=1, max_cron_jobs=2, executions=3, max_executions_per_day=4,
    resets_at=datetime(2026, 11, 21, tzinfo=UTC), max_input_bytes=5, in_flight=6, max_concurrency=7, alarms=8,
    max_alarms_per_minute=9, heartbeats=10, max_heartbeats=11, alert_rules=12, max_alert_rules=13,
)  # fmt: skip


def view(*rows: UsageRow, stored: Sequence[object] = ()) -> Any:
    """A view of a workspace with this row, in which limits are stored if there is something `stored`."""
    return View(get_usage=[rows], update_quotas=[stored])


async def test_usage_shows_each_quota_beside_what_is_used_of_it() -> None:
    usage = await quotas.usage(view(ROW))
    assert (usage.cron_jobs, usage.concurrency, usage.alarms_per_minute) == (
        Used(used=1, limit=2), Used(used=6, limit=7), Used(used=8, limit=9),
    )  # fmt: skip
    assert (usage.heartbeats, usage.alert_rules, usage.input_bytes) == (
        Used(used=10, limit=11), Used(used=12, limit=13), Used(used=None, limit=5),
    )  # fmt: skip
    assert usage.executions_per_day == Used(used=3, limit=4, resets_at=ROW.resets_at)


async def test_what_is_not_limited_is_reset_at_no_time() -> None:
    usage = await quotas.usage(view(replace(ROW, max_executions_per_day=None)))
    assert usage.executions_per_day == Used(used=3, limit=None)


LIMITS = QuotaLimits(
    max_cron_jobs=2, max_executions_per_day=4, max_input_bytes=5, max_concurrency=7, max_alarms_per_minute=9,
    max_heartbeats=11, max_alert_rules=13,
)  # fmt: skip


async def test_limits_are_stored_whole_and_only_at_the_version_that_was_named() -> None:
    limited = view(ROW, stored=[object()])
    shown = await quotas.put(limited, LIMITS, if_match=frozenset({3}))
    await quotas.put(limited, LIMITS)
    first, second = limited.params("update_quotas")
    assert {name: getattr(shown, name) for name in first if name != "if_match"} == {
        name: value for name, value in first.items() if name != "if_match"
    }
    assert (first["if_match"], second["if_match"], shown.version, shown.workspace) == ([3], None, 3, "acme")
    with pytest.raises(
        errors.PreconditionFailed, match=r"^the workspace is at version 3, which If-Match does not name$"
    ):
        await quotas.put(view(ROW), LIMITS, if_match=frozenset({2}))
    own = view(ROW, stored=[object()])
    own.workspace = "kronos-system"
    with pytest.raises(errors.Forbidden, match="can be read but not changed"):
        await quotas.put(own, LIMITS)
    assert own.asked == []
    for absent in (quotas.usage, quotas.get):
        with pytest.raises(errors.WorkspaceNotFound, match="no workspace 'acme'"):
            await absent(view())
