"""A PATCH of a schedule, and its difference, are checked like a creation: by the same function, with the values that
the job would then have.
"""

import itertools
from typing import Any

import httpx
import pytest

from api_answers import problem_of

BASES: dict[str, dict[str, Any]] = {
    "cron": {"cron": "7 */2 * * *", "timezone": "UTC"},
    "every": {"every": "90m", "anchor": "2026-03-02T09:00:00Z", "timezone": "UTC"},
    "wall clock": {"every": "2w", "anchor": "2026-03-02T09:00:00", "timezone": "Europe/Berlin"},
}
VALUES: dict[str, list[Any]] = {
    "cron": ["2 2 * * *", "61 * * * *", "0 0 31 2 *"],
    "every": ["45m", "1x", "1mo"],
    "anchor": ["2026-12-01T00:00:00Z", "2026-12-01T09:00:00"],
    "timezone": ["Asia/Tokyo", "Mars/Base"],
    "ends_at": ["2999-01-01T00:00:00Z"],
}
ONE = [{name: value} for name, values in VALUES.items() for value in values]
TWO = [
    {first: VALUES[first][0], second: VALUES[second][0]}
    for first, second in itertools.combinations(("cron", "every", "anchor", "timezone"), 2)
]
TWO += [{"starts_at": "2999-12-30T00:01:00Z", "ends_at": "2999-12-30T00:01:01Z"}]
ALL = [{name: VALUES[name][0] for name in ("cron", "every", "anchor")}]


def merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """The schedule that the job would have: a cron text replaces an interval with its anchor, and vice versa."""
    kept = dict(base)
    if "cron" in change:
        kept.pop("every", None)
        kept.pop("anchor", None)
    if "every" in change:
        kept.pop("cron", None)
    return kept | change


def verdict(answer: httpx.Response) -> tuple[int, str, list[tuple[str, str]]]:
    if answer.is_success:
        return 200, "", []
    problem = problem_of(answer)
    return (
        problem["status"],
        problem["code"],
        [(fault["pointer"], fault["detail"]) for fault in problem.get("errors", [])],
    )


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("change", [*ONE, *TWO, *ALL], ids=lambda change: " ".join(map(str, change.items())))
def test_a_change_is_judged_as_the_creation_of_what_it_makes(
    api: httpx.Client, workspace: str, base: str, change: dict[str, Any]
) -> None:
    path = f"/v1/workspaces/{workspace}/jobs"
    common = {"endpoint": "sink", "trigger": "CRON"}
    job = api.post(path, json=common | BASES[base] | {"name": "j"}).raise_for_status().json()
    before = api.post(path, json=common | merged(BASES[base], change))
    foreseen = api.post(f"{path}/j/diff", json=change)
    changed = api.patch(f"{path}/j", json=change)
    assert verdict(foreseen) == verdict(changed)
    created = api.post(path, json=common | merged(BASES[base], change))
    assert verdict(changed) == verdict(created)
    now = api.get(f"{path}/j").json()
    if changed.is_success:
        shown = ("cron", "every", "anchor_local", "timezone", "description", "ends_at")
        # Without an anchor, an interval begins in the minute of the request, so compare with a creation before and one
        # after.
        either = [[each.json()[name] for name in shown] for each in (before, created)]
        assert [now[name] for name in shown] in either
        assert "anchor" not in change or now["anchor"] == created.json()["anchor"]
    else:
        assert now == job
