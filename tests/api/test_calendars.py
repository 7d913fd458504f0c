"""Calendars over HTTP: created, changed, imported and deleted, and the jobs that name them."""

import time
import uuid
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import httpx
import psycopg
import pytest
import recurring_ical_events
from dateutil.rrule import rrulestr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from icalendar import Calendar as ICalendar

from api_answers import problem_of
from depth import depth
from kronos import errors, icalendars
from kronos.api.calendar_schemas import NamedDay

_WEEK = ["mon", "tue", "wed", "thu", "fri"]
_BANK: dict[str, Any] = {
    "timezone": "Europe/Berlin",
    "business_days": _WEEK,
    "days": [{"starts": "2026-12-24", "ends": "2026-12-26", "name": "Christmas"}],
}


@pytest.fixture
def base(api: httpx.Client, workspace: str) -> str:
    """A workspace with an endpoint and the calendar `bank`."""
    base = f"/v1/workspaces/{workspace}"
    endpoint = {"name": "hook", "type": "HTTP", "spec": {"url": "http://127.0.0.1:9/"}}
    api.post(f"{base}/endpoints", json=endpoint).raise_for_status()
    api.post(f"{base}/calendars", json={"name": "bank", **_BANK}).raise_for_status()
    return base


def made(api: httpx.Client, base: str, **terms: Any) -> dict[str, Any]:
    body = {"endpoint": "hook", "trigger": "CRON", "timezone": "Europe/Berlin", "calendars": ["bank"], **terms}
    answer: dict[str, Any] = api.post(f"{base}/jobs", json=body).raise_for_status().json()
    return answer


def test_a_calendar_is_made_read_changed_and_deleted(api: httpx.Client, base: str) -> None:
    present = api.get(f"{base}/calendars/bank").json()
    assert present["days"] == [{"starts": "2026-12-24", "ends": "2026-12-26", "name": "Christmas", "open": False}]
    assert (present["version"], present["business_days"], present["business_hours"]) == (1, _WEEK, None)
    assert api.put(f"{base}/calendars/bank", json=present).json() == present, "an identical PUT makes no version"
    hours = {"opens": "09:00", "closes": "17:30"}
    changed = api.put(f"{base}/calendars/bank", json=present | {"business_hours": hours}).json()
    assert (changed["version"], changed["business_hours"], changed["days"]) == (2, hours, present["days"])
    assert api.put(f"{base}/calendars/bank", json=_BANK, headers={"If-Match": '"1"'}).status_code == 412
    assert [each["name"] for each in api.get(f"{base}/calendars").json()["data"]] == ["bank"]
    assert problem_of(api.post(f"{base}/calendars", json={"name": "bank"}))["code"] == "conflict"
    assert (api.delete(f"{base}/calendars/bank").status_code, api.get(f"{base}/calendars/bank").status_code) == (
        204,
        404,
    )
    assert problem_of(api.delete(f"{base}/calendars/bank"))["code"] == "calendar_not_found"
    assert api.put(f"{base}/calendars/bank", json={}).json()["version"] == 1


def test_a_key_makes_one_calendar(api: httpx.Client, base: str) -> None:
    key = {"Idempotency-Key": "k"}
    first = api.post(f"{base}/calendars", json={"name": "one"}, headers=key)
    again = api.post(f"{base}/calendars", json={"name": "one"}, headers=key)
    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
    other = api.post(f"{base}/calendars", json={"name": "one", "business_days": ["mon"]}, headers=key)
    assert problem_of(other)["code"] == "idempotency_mismatch"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"timezone": "Mars/Olympus"}, "/timezone"),
        ({"business_days": []}, "/business_days"),
        ({"business_days": ["monday"]}, "/business_days/0"),
        ({"business_hours": {"opens": "17:00", "closes": "09:00"}}, "/business_hours/closes"),
        ({"business_hours": {"opens": "9 am.", "closes": "17:00"}}, "/business_hours/opens"),
        ({"days": [{"starts": "2026-02-30", "name": "x"}]}, "/days/0/starts"),
        ({"days": [{"starts": "2026-12-25", "ends": "2026-12-24", "name": "x"}]}, "/days/0/ends"),
        ({"days": [{"starts": "2026-12-24T14:00", "name": "x"}]}, "/days/0/ends"),
        ({"days": [{"starts": "2026-12-24T14:00:00Z", "name": "x"}]}, "/days/0/starts"),
        ({"days": [{"starts": "3026-12-24", "name": "x"}]}, "/days/0/starts"),
        ({"days": [{"starts": "2026-12-24", "name": ""}]}, "/days/0/name"),
        ({"icalendar": "no calendar at all"}, "/icalendar"),
        ({"icalendar": "BEGIN:VEVENT\r\nEND:VEVENT\r\n"}, "/icalendar"),
    ],
)
def test_what_is_no_calendar_is_refused_where_it_stands(
    api: httpx.Client, base: str, body: dict[str, Any], pointer: str
) -> None:
    refused = problem_of(api.put(f"{base}/calendars/other", json=body))
    assert (refused["status"], [each["pointer"] for each in refused["errors"]]) == (422, [pointer])
    assert api.get(f"{base}/calendars/other").status_code == 404


def test_a_job_names_calendars_that_are_there_and_keeps_them(api: httpx.Client, base: str) -> None:
    refused = problem_of(api.post(f"{base}/jobs", json={
        "endpoint": "hook", "trigger": "CRON", "cron": "0 9 * * *", "calendars": ["bank", "none"],
    }))  # fmt: skip
    assert (refused["status"], refused["code"], refused["errors"][0]["pointer"]) == (
        404, "calendar_not_found", "/calendars",
    )  # fmt: skip
    job = made(api, base, name="monthly", cron="0 9 1 * *", on_blackout="NEXT")
    assert (job["calendars"], job["on_blackout"]) == (["bank"], "NEXT")
    assert job["description"].endswith("on the next open day when the calendar bank closes it")
    assert api.get(f"{base}/jobs/monthly").json() == job
    in_use = problem_of(api.delete(f"{base}/calendars/bank"))
    assert (in_use["status"], in_use["code"]) == (409, "calendar_in_use")
    assert "monthly" in in_use["detail"]
    free = api.patch(f"{base}/jobs/monthly", json={"calendars": [], "on_blackout": "SKIP"}).json()
    assert (free["calendars"], free["version"], "closes" in free["description"]) == ([], 2, False)
    assert api.delete(f"{base}/calendars/bank").status_code == 204


def test_a_one_shot_has_no_calendars(api: httpx.Client, base: str) -> None:
    body = {"endpoint": "hook", "trigger": "IMMEDIATE", "calendars": ["bank"]}
    assert problem_of(api.post(f"{base}/jobs", json=body))["errors"][0]["pointer"] == "/calendars"
    shown = api.post(f"{base}/jobs", json={"endpoint": "hook", "trigger": "IMMEDIATE"}).json()
    assert (shown["calendars"], shown["on_blackout"]) == ([], "SKIP")
    assert api.get(f"{base}/jobs/{shown['job_id']}").json()["calendars"] == []


def next_day(weekday: int, after: date) -> date:
    return after + timedelta(days=(weekday - after.weekday() - 1) % 7 + 1)


def test_preview_job_ticks_and_explain_say_the_same(api: httpx.Client, base: str) -> None:
    """A schedule that only ticks on Saturdays: each run is on a Monday, or on a Friday."""
    api.put(f"{base}/calendars/bank", json={"business_days": _WEEK, "timezone": "Europe/Berlin"}).raise_for_status()
    asked = {"cron": "0 9 * * 6", "timezone": "Europe/Berlin", "count": 4}
    for on_blackout, shift in (("NEXT", 2), ("PREVIOUS", -1)):
        preview = api.post(
            f"{base}/schedules/preview", json={**asked, "calendars": ["bank"], "on_blackout": on_blackout}
        ).json()
        ticks = [datetime.fromisoformat(each["rolled_from"]) for each in preview["next_runs"]]
        at = [datetime.fromisoformat(each["at"]) for each in preview["next_runs"]]
        assert [(run.date() - tick.date()).days for run, tick in zip(at, ticks, strict=True)] == [shift] * 4
        assert all("Saturday" in each["reason"] for each in preview["next_runs"])
        job = made(api, base, cron="0 9 * * 6", on_blackout=on_blackout)
        saved = api.get(f"{base}/jobs/{job['job_id']}/next-runs", params={"count": 3}).json()["next_runs"]
        # a Saturday before the job was created is not one of its ticks
        own = [each for each in preview["next_runs"] if each["rolled_from"] > job["created_at"]]
        assert saved == own[:3]
        assert job["next_run_at"] == own[0]["at"]
        explained = api.get(f"{base}/jobs/{job['job_id']}/explain", params={"at": own[0]["rolled_from"]}).json()
        assert (explained["decision"], explained["code"]) == ("WILL_RUN", "rolled"), explained
    skipping = made(api, base, cron="0 9 * * *")
    shown = api.get(f"{base}/jobs/{skipping['job_id']}/next-runs", params={"count": 10}).json()
    assert {datetime.fromisoformat(each["at"]).weekday() for each in shown["next_runs"]} <= {0, 1, 2, 3, 4}
    closed = shown["skipped"][0]
    explained = api.get(f"{base}/jobs/{skipping['job_id']}/explain", params={"at": closed["at"]}).json()
    assert (explained["decision"], explained["code"]) == ("WILL_BE_SKIPPED", "blackout")
    assert closed["reason"] in explained["because"]
    ticks = api.get(
        f"{base}/jobs/{skipping['job_id']}/ticks",
        params={
            "from": closed["at"],
            "to": (datetime.fromisoformat(closed["at"]) + timedelta(hours=1)).isoformat().replace("+00:00", "Z"),
        },
    ).json()["data"]
    assert [(each["decision"], each["code"]) for each in ticks] == [("WILL_BE_SKIPPED", "blackout")]


def test_a_change_of_a_calendar_moves_the_next_run(api: httpx.Client, base: str) -> None:
    job = made(api, base, cron="0 9 * * 6", on_blackout="NEXT")
    first = datetime.fromisoformat(job["next_run_at"])
    closed = {"starts": first.date().isoformat(), "name": "a day off"}
    api.put(f"{base}/calendars/bank", json=_BANK | {"days": [closed]}).raise_for_status()
    moved = api.get(f"{base}/jobs/{job['job_id']}").json()
    assert datetime.fromisoformat(moved["next_run_at"]).date() == first.date() + timedelta(days=1)
    assert moved["version"] == 1
    api.put(f"{base}/calendars/bank", json={}).raise_for_status()
    opened = datetime.fromisoformat(api.get(f"{base}/jobs/{job['job_id']}").json()["next_run_at"])
    assert opened.date() == first.date() - timedelta(days=2), "on its own Saturday"


def test_a_patch_hands_a_tick_that_waits_to_the_next_version(
    api: httpx.Client, base: str, shared_superuser: psycopg.Connection
) -> None:
    """As if the job had been created last week. Last week's Saturday tick waits for a day off to end."""
    now = datetime.now(UTC)
    days = [
        {
            "starts": (now.date() - timedelta(days=9)).isoformat(),
            "ends": (now.date() + timedelta(days=2)).isoformat(),
            "name": "closed",
        }
    ]
    api.put(f"{base}/calendars/bank", json={"days": days}).raise_for_status()
    tick = (now - timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)
    job = made(api, base, cron=f"0 9 {tick.day} * *", on_blackout="NEXT", timezone="UTC", name="waits")
    shared_superuser.execute(
        "update kronos.jobs set ticks_from = %s where job_id = %s", [tick - timedelta(days=1), job["job_id"]]
    )
    shared_superuser.execute(
        "update kronos.pointers as pointer set next_tick_at = place.due_at, tick_at = place.tick_at from kronos.jobs "
        "as job, kronos.pointer_at(job, %s) as place where job.job_id = pointer.job_id and job.job_id = %s",
        [tick, job["job_id"]],
    )
    due = tick + timedelta(days=4)
    before = api.get(f"{base}/jobs/waits").json()
    assert datetime.fromisoformat(before["next_run_at"]) == due
    after = api.patch(f"{base}/jobs/waits", json={"input": {"a": 1}}).json()
    assert (after["version"], datetime.fromisoformat(after["next_run_at"])) == (2, due)
    for version in (before, after):
        ledger = shared_superuser.execute(
            "select unaccounted, surplus from kronos.check_ledger(%s, %s, %s)",
            [version["job_id"], tick - timedelta(days=1), now + timedelta(days=1)],
        ).fetchone()
        assert ledger == (0, 0)


def ics(*events: str) -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN"]
    for number, event in enumerate(events):
        lines += ["BEGIN:VEVENT", f"UID:{number}", *event.split("|"), "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


NOW = datetime(2026, 11, 29, tzinfo=UTC)


def test_an_icalendar_file_becomes_days_with_names() -> None:
    text = ics(
        "DTSTART;VALUE=DATE:20261224|DTEND;VALUE=DATE:20261227|SUMMARY:Christmas  days",
        "DTSTART;VALUE=DATE:20200501|RRULE:FREQ=YEARLY|EXDATE;VALUE=DATE:20280501|SUMMARY:Labour day",
        "DTSTART;TZID=Europe/Berlin:20261231T140000|DTEND;TZID=Europe/Berlin:20261231T180000|SUMMARY:Half a day",
        "DTSTART;VALUE=DATE:20270102|STATUS:CANCELLED|SUMMARY:Called off",
        "DTSTART:20270103T100000Z|DTEND:20270103T110000Z|TRANSP:TRANSPARENT|SUMMARY:A reminder",
    )
    days = icalendars.imported(text, timezone="Europe/Berlin", now=NOW)
    assert [(each.starts, each.ends, each.name) for each in days if each.name != "Labour day"] == [
        ("2026-12-24", "2026-12-26", "Christmas days"), ("2026-12-31T14:00", "2026-12-31T18:00", "Half a day"),
    ]  # fmt: skip
    labour = [each.starts for each in days if each.name == "Labour day"]
    assert labour == [f"{year}-05-01" for year in range(2025, 2037) if year != 2028]


@given(st.text("ax \u200b\u200c\u200d\u3164\u2800\u0645\u06cc\U0001f469\U000e0041\u00a0", max_size=130))
def test_what_a_file_calls_a_day_may_be_sent_back(said: str) -> None:
    """Some invisible characters count as printable: such a day used to be stored, and rejected when it was sent
    back.
    """
    (day,) = icalendars.imported(ics(f"DTSTART;VALUE=DATE:20270101|SUMMARY:x{said}"), timezone="UTC", now=NOW)
    NamedDay(starts=day.starts, name=day.name)


def test_letters_that_need_a_joiner_keep_it() -> None:
    word = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    (day,) = icalendars.imported(ics(f"DTSTART;VALUE=DATE:20270101|SUMMARY:{word}"), timezone="UTC", now=NOW)
    assert day.name == word


@given(
    start=st.dates(date(2015, 1, 1), date(2027, 12, 31)),
    rule=st.sampled_from([
        "FREQ=YEARLY", "FREQ=MONTHLY", "FREQ=WEEKLY;INTERVAL=2", "FREQ=MONTHLY;BYDAY=-1FR",
        "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "FREQ=DAILY;COUNT=40", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=YEARLY;UNTIL=20300101", "FREQ=YEARLY;BYMONTH=11;BYMONTHDAY=2,3,4,5,6,7,8;BYDAY=TU",
    ]),
)  # fmt: skip
@settings(max_examples=depth(40, deep=400), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_recurring_events_are_the_days_of_dateutils_rule(start: date, rule: str) -> None:
    text = ics(f"DTSTART;VALUE=DATE:{start:%Y%m%d}|RRULE:{rule}|SUMMARY:x")
    found = {each.starts for each in icalendars.imported(text, timezone="UTC", now=NOW)}
    first = datetime(start.year, start.month, start.day)  # noqa: DTZ001 - days
    expected = {
        at.date().isoformat()
        for at in rrulestr(rule, dtstart=first).between(datetime(2025, 1, 1), datetime(2036, 12, 31), inc=True)  # noqa: DTZ001 - days
    }
    if start >= date(2025, 1, 1):
        expected.add(start.isoformat())  # DTSTART is an occurrence, whatever the rule says
        found.add(start.isoformat())
    assert found == expected


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY", "FREQ=HOURLY;INTERVAL=24", "FREQ=DAILY;BYHOUR=1,2,3", "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=MONTHLY;BYMONTH=4;BYMONTHDAY=31", "FREQ=YEARLY;INTERVAL=400",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=31", "FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6", "FREQ=MONTHLY;INTERVAL=12;BYMONTH=1",
        "FREQ=WEEKLY;BYMONTH=2;BYDAY=MO", "FREQ=DAILY;INTERVAL=0", "FREQ=WEEKLY;INTERVAL=0", "FREQ=DAILY;INTERVAL=-1",
        "FREQ=MONTHLY;INTERVAL=0", "FREQ=WEEKLY;BYDAY=" + ",".join(["MO"] * 101),
    ],
)  # fmt: skip
def test_a_rule_that_comes_too_often_or_may_never_come_is_refused(rule: str) -> None:
    """dateutil searches until the year 9999 for an occurrence that never comes, which takes seconds. For a rule with an
    interval of zero it never ends.
    """
    begun = time.thread_time()
    with pytest.raises(errors.Unprocessable, match="recurs"):
        icalendars.imported(ics(f"DTSTART;VALUE=DATE:20260101|RRULE:{rule}|SUMMARY:x"), timezone="UTC", now=NOW)
    assert time.thread_time() - begun < 1


@pytest.mark.parametrize(
    "text",
    [
        ics(*["DTSTART;VALUE=DATE:20260101|SUMMARY:x"] * 5001),
        ics(*["DTSTART;VALUE=DATE:19000101|RRULE:FREQ=DAILY|SUMMARY:x"] * 2),
        ics("DTSTART;VALUE=DATE:00010101|RRULE:FREQ=YEARLY|SUMMARY:x"),
        ics("RRULE:FREQ=YEARLY|SUMMARY:x"),
        ics(*[f"DTSTART;VALUE=DATE:20260101|RRULE:FREQ=DAILY|SUMMARY:{n}" for n in range(3)]),
        ics("DTSTART;TZID=No/Where:20260101T090000|RRULE:FREQ=NONE|SUMMARY:x"),
        ics("DTSTART;TZID=No/Where:20260501T090000|DURATION:PT1H|SUMMARY:x"),
        ics("DTSTART;VALUE=DATE:20260501|DTEND;VALUE=DATE:20250101|SUMMARY:x"),
        ics(*["DTSTART;VALUE=DATE:20260501|RRULE:FREQ=YEARLY|SUMMARY:x"] * 5000).replace("UID:", "UID:1"),
        "BEGIN:VCALENDAR\r\n" * 3,
    ],
)
def test_a_file_that_is_too_much_is_refused(text: str) -> None:
    with pytest.raises(errors.Unprocessable):
        icalendars.imported(text, timezone="UTC", now=NOW)


_STARTS = ("19991231", "20240229", "20250101", "20261231")
_RULES = (
    "RRULE:FREQ=YEARLY",
    *(f"RRULE:FREQ=YEARLY;{each}" for each in ("COUNT=3", "UNTIL=20270101", "INTERVAL=2", "BYMONTH=2;BYMONTHDAY=29")),
    "RRULE:FREQ=YEARLY|EXDATE;VALUE=DATE:20271231",
)


def test_an_event_occurs_at_least_as_often_as_counted_before_it_is_found() -> None:
    cases = [*product(_STARTS, _RULES), ("20241231T233000Z", "RRULE:FREQ=YEARLY")]
    file = ICalendar.from_ical(
        ics(*[f"DTSTART{'' if 'T' in day else ';VALUE=DATE'}:{day}|{rule}" for day, rule in cases])
    )
    events = recurring_ical_events.of(file).between(date(2025, 1, 1), date(2029, 1, 1))
    found = Counter(str(each["UID"]) for each in events)
    counted = [icalendars.at_least([event], 2025, 2028) for event in file.walk("VEVENT")]
    wrong = [case for nth, case in enumerate(cases) if counted[nth] > found[str(nth)]]
    assert wrong == []
    assert sum(counted) > 0


def test_what_recurs_yearly_is_counted_before_it_is_found() -> None:
    since = ["19991231", "20250101", "20251231"]
    file = ICalendar.from_ical(ics(*[f"DTSTART;VALUE=DATE:{day}|RRULE:FREQ=YEARLY" for day in since]))
    events = file.walk("VEVENT")
    assert icalendars.at_least(events, 2025, 2030) == 6 + 5 + 5
    assert icalendars.at_least([*events, events[0]], 2025, 2030) == 0, "one may replace the other"


def test_an_icalendar_file_is_sent_as_text(api: httpx.Client, base: str) -> None:
    year = datetime.now(UTC).year + 1  # of a file, only the days to come are taken
    text = ics(f"DTSTART;VALUE=DATE:{year}1224|SUMMARY:Christmas Eve")
    body = {"days": [{"starts": f"{year}-12-31", "name": "Inventory"}], "icalendar": text}
    shown = api.put(f"{base}/calendars/mixed-{uuid.uuid4().hex[:6]}", json=body).json()
    assert [(each["starts"], each["name"]) for each in shown["days"]] == [
        (f"{year}-12-31", "Inventory"), (f"{year}-12-24", "Christmas Eve"),
    ]  # fmt: skip
    assert "icalendar" not in shown
