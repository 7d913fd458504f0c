"""What `kronos apply` and `kronos top` print: signs, fields and numbers, whatever the API's answer holds."""

import json
from typing import Any

import pytest
from click.testing import CliRunner

from kronos.cli import apply_output, top_figures
from kronos.cli.output import Output
from kronos.cli.top_figures import Figure
from kronos.model import JsonObject

AT = "2026-12-01T09:00:00Z"


def a_change(**known: Any) -> JsonObject:
    usual: JsonObject = {"kind": "job", "name": "report", "change": "changed"}
    return usual | {"fields": [], "drift": None, "runs": None, "is_adopted": False} | known


def an_apply(*resources: JsonObject, **known: Any) -> JsonObject:
    changes = [each["change"] for each in resources]
    counts = {name: changes.count(name) for name in ("created", "changed", "removed", "unchanged")}
    usual = {"resources": list(resources), "counts": counts, "is_applied": False, "left": [],
             "runs": {"added": 0, "removed": 0, "moved": 0}, "load": {"busiest": [], "warnings": []}}  # fmt: skip
    return usual | known


def told(applied: JsonObject, monkeypatch: pytest.MonkeyPatch, *, plain: bool = False) -> list[str]:
    monkeypatch.setenv("COLUMNS", "400")
    printed: list[str] = []
    with CliRunner().isolation() as (out, *_):
        apply_output.show(Output(as_json=False, as_plain=plain), applied)
        printed = out.getvalue().decode().splitlines()
    return printed


def runs(**known: Any) -> JsonObject:
    usual = {"description": "At 09:00", "description_before": "At 09:00", "added": 0, "removed": 0, "moved": 0,
             "first_added": [], "first_removed": [], "first_moved": []}  # fmt: skip
    return usual | known


def test_each_resource_has_its_sign_and_the_last_line_counts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    changes = [a_change(change=each, name=each, kind="payload_spec") for each in ("created", "changed", "removed")]
    assert told(an_apply(*changes, a_change(change="unchanged")), monkeypatch) == [
        "+ payload spec created", "~ payload spec changed", "- payload spec removed",
        "Plan: 1 to create, 1 to change, 1 to remove, 1 unchanged.",
    ]  # fmt: skip
    assert told(an_apply(is_applied=True), monkeypatch) == ["Applied: 0 created, 0 changed, 0 removed, 0 unchanged."]


def test_a_field_shows_both_values_and_whether_somebody_else_changed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = [{"field": "/input/team", "before": "a\x1b[31m", "after": None, "is_drift": True},
              {"field": "/priority", "before": 0, "after": 5, "is_drift": False},
              {"field": "/input", "before": "x" * 300, "after": [1], "is_drift": False}]  # fmt: skip
    drift = {"actor": "eve", "at": AT, "action": "job.update"}
    lines = told(an_apply(a_change(fields=fields, drift=drift)), monkeypatch)
    assert lines[1:5] == [
        f"    changed on the server since files were last applied by eve at {AT} (job.update)",
        '    input/team: "a\\u001b[31m" -> null  # drift',
        "    priority: 0 -> 5",
        f'    input: "{"x" * 199}… -> [1]',
    ]


def test_square_brackets_are_text_and_no_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a name or a cron: rich would take them for markup, and leave them out."""
    fields = [{"field": "/a", "before": "[red]", "after": "[/red]", "is_drift": False}]
    some = [a_change(name="[bold]a", fields=fields), a_change(name="[b]", change="unchanged", is_adopted=True)]
    load = {"busiest": [], "warnings": ["[i]busy"]}
    left = [{"kind": "job", "name": "[u]c"}]
    assert told(an_apply(*some, left=left, load=load, runs={"added": 1, "removed": 0, "moved": 0}), monkeypatch) == [
        "~ job [bold]a", '    a: "[red]" -> "[/red]"', "= job [b] exists, and belongs to this set from now on",
        "  job [u]c is not in the files: --prune removes it",
        "Plan: 0 to create, 1 to change, 0 to remove, 1 unchanged.",
        "Runs within 7 days: 1 added, 0 removed, 0 moved.", "warning: [i]busy",
    ]  # fmt: skip


def test_for_json_the_answer_is_printed_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    applied = an_apply(a_change())
    with CliRunner().isolation() as (out, *_):
        apply_output.show(Output(as_json=True, as_plain=False), applied)
        assert json.loads(out.getvalue()) == applied


def test_a_resource_that_was_removed_by_hand_and_is_created_again_is_marked_so(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = a_change(change="created", drift={"actor": None, "at": None, "action": None})
    assert told(an_apply(gone), monkeypatch)[1] == "    removed on the server since files were last applied"


def test_the_effect_on_runs_is_shown_by_its_first_three(monkeypatch: pytest.MonkeyPatch) -> None:
    some = runs(description="At 10:00", added=4, removed=3, moved=1, first_added=["a", "b", "c", "d"],
                first_removed=["e", "f", "g"], first_moved=[{"from_at": "h", "to_at": "i"}])  # fmt: skip
    load = {"busiest": [{"runs": 9, "at": AT}], "warnings": ["a busy minute"]}
    lines = told(an_apply(a_change(runs=some), runs={"added": 4, "removed": 3, "moved": 1}, load=load), monkeypatch)
    assert lines[1:] == [
        "    At 09:00 -> At 10:00", "    + 4 runs: a, b, c …", "    - 3 runs: e, f, g", "    ~ 1 run: h -> i",
        "Plan: 0 to create, 1 to change, 0 to remove, 0 unchanged.",
        "Runs within 7 days: 4 added, 3 removed, 1 moved.", f"The busiest minute has 9 runs, at {AT}.",
        "warning: a busy minute",
    ]  # fmt: skip


def test_without_an_effect_on_runs_the_load_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    load = {"busiest": [{"runs": 9, "at": AT}], "warnings": []}
    lines = told(an_apply(a_change(runs=runs()), load=load), monkeypatch)
    assert lines == ["~ job report", "Plan: 0 to create, 1 to change, 0 to remove, 0 unchanged."]


def test_a_new_heartbeat_says_where_its_address_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    beat = a_change(kind="heartbeat", change="created", name="backup")
    assert told(an_apply(beat), monkeypatch)[1] == "    for its ping URL: kronos heartbeat rotate backup"
    assert len(told(an_apply(beat | {"change": "changed"}), monkeypatch)) == 2


def test_resources_that_a_set_takes_over_and_those_that_it_leaves_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    adopted = a_change(change="unchanged", is_adopted=True)
    left = [{"kind": "alert_rule", "name": "old"}]
    assert told(an_apply(adopted, a_change(is_adopted=True, name="b"), left=left), monkeypatch)[:4] == [
        "~ job b", "    it exists, and belongs to this set from now on",
        "= job report exists, and belongs to this set from now on",
        "  alert rule old is not in the files: --prune removes it",
    ]  # fmt: skip


def test_for_scripts_a_change_is_a_line_of_three_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    some = [a_change(name="a\nb"), a_change(change="unchanged", is_adopted=True), a_change(change="unchanged")]
    assert told(an_apply(*some), monkeypatch, plain=True) == ["changed\tjob\ta\\nb", "adopted\tjob\treport"]


@pytest.mark.parametrize(
    ("resources", "is_pending"),
    [([], False), ([a_change(change="unchanged")], False), ([a_change()], True), ([a_change(change="removed")], True),
     ([a_change(change="created")], True), ([a_change(change="unchanged", is_adopted=True)], True)],
)  # fmt: skip
def test_a_plan_is_pending_if_an_apply_would_write(resources: list[JsonObject], is_pending: bool) -> None:
    assert apply_output.is_pending(an_apply(*resources)) is is_pending


def test_an_overview_without_anything_is_all_zeros() -> None:
    assert [(each.name, each.value, each.is_bad) for each in top_figures.figures({})] == [
        ("due", "0", False), ("running", "0", False), ("failing", "0", False), ("workers", "0", True),
        ("lag", "0 s", False), ("queue age", "0 s", False), ("dead letters", "0", False),
    ]  # fmt: skip
    assert top_figures.warnings({}) == []
    assert top_figures.curves({}) == ([], [], [])
    assert (list(top_figures.failing({})), list(top_figures.late({})), top_figures.workers({})) == ([], [], "idle")


@pytest.mark.parametrize(("since", "is_bad"), [("2026-12-01T08:59:01Z", False), ("2026-12-01T08:59:00Z", True)])
def test_a_lag_and_a_queue_of_a_minute_are_bad(since: str, is_bad: bool) -> None:
    overview = {"at": AT, "late": [{"since": AT}, {"since": since}], "queue": {"waiting": 1, "waiting_since": since}}
    found = {each.name: each for each in top_figures.figures(overview)}
    assert (found["lag"].is_bad, found["queue age"].is_bad) == (is_bad, is_bad)
    assert found["failing"] == Figure(name="failing", value="0")


def test_failing_jobs_are_listed_latest_first_by_the_best_name_that_is_known() -> None:
    overview = {"at": AT, "failing": [
        {"job_name": "a", "failures": 1, "last_failed_at": "2026-12-01T08:00:00Z", "message": "503\x1b"},
        {"job_id": "7", "failures": 2, "last_failed_at": "2026-12-01T08:59:00Z", "error_type": "timeout"},
        {"endpoint": "hook", "failures": 3, "last_failed_at": "never"}, "no object",
    ]}  # fmt: skip
    assert list(top_figures.failing(overview)) == [
        ("one-shots to hook", "3", "0 s", ""), ("7", "2", "1 min", "timeout"), ("a", "1", "1 h", "503\\x1b"),
    ]  # fmt: skip


def test_the_minutes_up_to_now_are_past_and_the_others_to_come() -> None:
    minutes = [{"at": f"2026-12-01T{at}:00Z", "delivered": 3, "failed": 1, "missed": 1, "expired": 1, "upcoming": 7}
               for at in ("08:59", "09:00", "09:01")]  # fmt: skip
    assert top_figures.curves({"at": "2026-12-01T09:00:40Z", "minutes": minutes}) == ([3, 3], [3, 3], [7])
    assert top_figures.curves({"at": AT, "minutes": [{"at": AT, "delivered": "x"}]}) == ([0], [0], [])


def test_the_busiest_worker_is_first_and_a_pg_cron_that_is_not_ready_is_said_once() -> None:
    workers = [{"worker_id": "a", "running": 1}, {"worker_id": "b\x07", "running": 5}, {"worker_id": "c"}]
    assert top_figures.workers({"workers": workers}) == "b\\x07 5  a 1  c None"
    assert top_figures.warnings({"pg_cron": {"is_ready": False, "warnings": ["full\x07"]}}) == ["full\\x07"]
    assert top_figures.warnings({"pg_cron": {"is_ready": False, "warnings": "no list"}}) == ["pg_cron does not ring"]
