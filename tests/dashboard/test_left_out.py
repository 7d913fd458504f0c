"""Form fields that belong to another choice are ignored, and the page says so: a browser without scripts or without
`:has()` sends them anyway."""

from typing import Any

import httpx
import pytest
from lxml import html

from kronos.dashboard.forms import FilledForm, SentForm, left_out

_LABELS = {"/count": "So many", "days": "Days", "ticked": "Ticked"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ([], ""),
        ([("/count:integer", "3"), ("days", " ")], ""),
        ([("/count:integer", " 3 "), ("ticked", "1"), ("ticked", "2")], ""),
        ([("/count:integer", "junk")], "So many"),
        ([("/count:integer", "3"), ("days", "1, 15"), ("ticked", "1")], "Days, Ticked"),
    ],
)
def test_what_was_there_before_is_not_said(fields: list[tuple[str, str]], said: str) -> None:
    before = FilledForm(values={"/count": ["3"], "ticked": ["1", "2"]})
    told = left_out(SentForm(fields=fields), before, _LABELS)
    assert told == (f"Ignored, because another option was chosen: {said}." if said else "")


def _said(api: httpx.Client, answered: httpx.Response) -> str:
    """The notice of the page that a form leads to."""
    assert answered.status_code == 303, answered.text
    page = html.document_fromstring(api.get(answered.headers["location"]).text)
    return " ".join(page.xpath("string(//div[@id='notices'])").split())


def test_a_rule_says_which_numbers_of_other_kinds_it_left_out(api: httpx.Client, workspace: str) -> None:
    there = f"/w/{workspace}/alert-rules"
    late: dict[str, Any] = {
        "/condition/type": "LATE",
        "/condition/seconds:integer": "90",
        "/condition/count:integer": "3",
    }
    made = api.post(there, data={"/name": "late", **late})
    assert _said(api, made) == "Alert rule late created.", "3 is the form's initial value"
    junk = {"/condition/count:integer": "many", "/condition/percent:integer": "20"}
    made = api.post(there, data={"/name": "other", **late, **junk})
    assert _said(api, made).endswith(
        "Ignored, because another option was chosen: Count in a row, Failure rate (percent)."
    )
    rule = api.get(f"/v1/workspaces/{workspace}/alert-rules/other").json()
    assert rule["condition"] == {"type": "LATE", "seconds": 90}
    changed = api.post(f"{there}/late", data={"version": "1", **late, "/condition/factor:number": "2.5"})
    assert "saved. Ignored, because another option was chosen: Count in a row, Longer than (times usual)" in _said(
        api, changed
    )


def test_a_job_says_which_of_the_other_ways_it_left_out(api: httpx.Client, workspace: str) -> None:
    new = f"/w/{workspace}/jobs/~new"
    common = {"/endpoint": "sink", "/timezone": "UTC", "/input:json": "{}", "/trigger": "CRON"}
    made = api.post(new, data={**common, "/name": "one", "way": "cron", "/cron": "0 9 * * *", "sentence": ""})
    assert _said(api, made) == "Job one created."
    given = {"way": "cron", "/cron": "0 9 * * *", "sentence": "every day at 8:00", "weekdays": ["1", "2"]}
    made = api.post(new, data={**common, "/name": "two", **given})
    assert _said(api, made) == "Job two created. Ignored, because another option was chosen: In words, Weekdays."
    later = {"/trigger": "DELAYED", "/run_at": "2099-01-01T00:00:00Z", "/max_runs:integer": "5"}
    made = api.post(new, data={**common, "/name": "three", **later})
    assert _said(api, made).endswith("Ignored, because another option was chosen: Maximum number of runs.")


def test_an_edit_says_what_it_leaves_out_before_it_is_saved(api: httpx.Client, workspace: str) -> None:
    job = {"endpoint": "sink", "trigger": "CRON", "name": "daily", "cron": "0 9 * * *"}
    api.post(f"/v1/workspaces/{workspace}/jobs", json=job).raise_for_status()
    edit = f"/w/{workspace}/jobs/daily/edit"
    fields = {"version": "1", "way": "cron", "/cron": "0 9 * * *", "sentence": "every hour", "/every": "2h"}
    shown = api.post(edit, data={**fields, "/title:?": "Daily"})
    notice = html.document_fromstring(shown.text).xpath("string(//section[@aria-labelledby='changes'])")
    assert "Ignored, because another option was chosen: In words, Every." in notice
    same = api.post(edit, data=fields)
    assert _said(api, same) == "Nothing was changed. Ignored, because another option was chosen: In words, Every."
