"""CronJobs: when they run, as robfig/cron reads their schedules, and how their other fields are translated."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given, settings

import cron_texts
from depth import depth
from imports import vixie
from imports.test_crontab_ticks import schedules
from imports.ticks import Connection, ticks
from kronos.imports import kubernetes
from kronos.imports.translation import Remark, Terms, Translated, Untranslated

_JOB = {"template": {"spec": {"containers": [{"name": "main", "image": "report:1", "command": ["report"]}]}}}


def cronjob(schedule: str, job: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "report", "namespace": "billing"},
        "spec": {"schedule": schedule, "jobTemplate": {"spec": {**_JOB, **(job or {})}}, **spec},
    }


def one(document: dict[str, Any], terms: Terms | None = None) -> Translated | Untranslated | Remark:
    (found,) = kubernetes.translate(yaml.safe_dump(document), terms or Terms(endpoint="cluster"))
    return found


def job_of(document: dict[str, Any], terms: Terms | None = None) -> Translated:
    found = one(document, terms)
    assert isinstance(found, Translated), found
    return found


def reason(document: dict[str, Any]) -> str:
    found = one(document)
    assert isinstance(found, Untranslated), found
    return found.reason


def robfig(schedule: str) -> vixie.Entry | None:
    """robfig/cron v3's ParseStandard, from its source: N/step goes to the end, weekdays end at 6, and a star without a
    step, anywhere in the list, is a star. None if it rejects the schedule."""
    bits: list[set[int]] = []
    stars: list[bool] = []
    limits = [(0, 59, []), (0, 23, []), (1, 31, []), (1, 12, vixie.MONTHS), (0, 6, vixie.WEEKDAYS)]
    for text, (low, high, names) in zip(schedule.lower().split(), limits, strict=True):
        found: set[int] = set()
        is_star = False
        for part in text.split(","):
            span, has_step, step_text = part.partition("/")
            step = int(step_text or 1)
            start, has_end, end = span.partition("-")
            if start in "*?":
                first, last = low, high
                is_star |= step <= 1
            else:
                ends = [names.index(each) + low if each in names else int(each) for each in (start, end) if each]
                first, last = ends[0], ends[-1]
                if has_step and not has_end:
                    last = high
            if first < low or last > high or first > last or step < 1:
                return None
            found |= set(range(first, last + 1, step))
        bits.append(found)
        stars.append(is_star)
    return vixie.Entry(bits, stars)


@settings(max_examples=depth(150, deep=5000), deadline=None)
@given(schedules)
def test_each_schedule_is_the_same_days_and_times_or_is_refused(schedule: str) -> None:
    found, theirs = one(cronjob(schedule)), robfig(schedule)
    if theirs is None:
        assert isinstance(found, Untranslated)
        return
    assert isinstance(found, Translated), found
    ours = cron_texts.read(found.job["cron"])
    assert (sorted(theirs.bits[0]), sorted(theirs.bits[1])) == (sorted(ours.minutes), sorted(ours.hours))
    noon = datetime(2024, 1, 1, min(theirs.bits[1]), min(theirs.bits[0]), tzinfo=UTC)
    for number in range(1461):
        day = noon + timedelta(days=number)
        assert theirs.has(day) == ours.has_day(day.date()), day


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe"])
def test_ticks_follow_the_clock_where_it_is_changed(shared_superuser: Connection, zone: str) -> None:
    for schedule in ("30 2 * * *", "*/10 1-3 * * *", "0 * * * *", "0 9 1-7 * 1", "15 1/2 */3 * 1"):
        theirs = robfig(schedule)
        assert theirs is not None
        job = job_of(cronjob(schedule, timeZone=zone)).job
        for begin, end in vixie.changes(zone):
            assert ticks(shared_superuser, job, begin, end) == list(vixie.by_the_clock(theirs, zone, begin, end)), (
                schedule
            )


def test_the_terms_of_a_cronjob_are_those_of_a_job() -> None:
    document = cronjob(
        "0 9 * * 1",
        {"backoffLimit": 2, "activeDeadlineSeconds": 600, "completions": 3},
        timeZone="Europe/Berlin",
        concurrencyPolicy="Forbid",
        startingDeadlineSeconds=200,
        suspend=True,
        failedJobsHistoryLimit=1,
        surprise=1,
    )
    found = job_of(document, Terms(url="https://cluster.example.com/run"))
    assert found.is_paused
    assert found.job == {
        "name": "billing.report",
        "trigger": "CRON",
        "cron": "0 9 * * 1",
        "timezone": "Europe/Berlin",
        "dst_gap": "SKIP",
        "dst_overlap": "BOTH",
        "overlap": "SKIP",
        "catch_up": {"policy": "LATEST", "window_seconds": 200},
        "endpoint": "billing.report",
        "input": {
            "namespace": "billing",
            "cronjob": "report",
            "containers": [{"name": "main", "image": "report:1", "command": ["report"]}],
        },
        "tags": ["from-kubernetes"],
    }
    assert found.endpoint is not None
    assert found.endpoint["spec"] == {"url": "https://cluster.example.com/run", "timeout_ms": 600_000}
    assert found.endpoint["retry_policy"]["max_attempts"] == 3
    assert found.endpoint["retry_policy"]["max_age_seconds"] == 600
    said = " | ".join(found.notes)
    for word in ("QUEUE", "retention", "spec.surprise", "completions", "paused"):
        assert word in said


def test_environments_stay_where_they_are() -> None:
    document = cronjob("0 9 * * 1")
    container = document["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "TOKEN", "value": "hunter2"}]
    found = job_of(document)
    assert "hunter2" not in repr(found)
    assert "the containers' environment stays in Kubernetes" in found.notes
    del container["env"]


@pytest.mark.parametrize(
    ("policy", "overlap"), [("Allow", "ALLOW"), (None, "ALLOW"), ("Forbid", "SKIP"), ("Replace", "REPLACE")]
)
def test_each_concurrency_policy_has_its_overlap(policy: str | None, overlap: str) -> None:
    assert job_of(cronjob("0 9 * * 1", concurrencyPolicy=policy)).job["overlap"] == overlap


@pytest.mark.parametrize(
    ("schedule", "job"),
    [
        ("@daily", {"cron": "0 0 * * *"}),
        ("@every 1h30m", {"every": "1h30m"}),
        ("@every 90m", {"every": "1h30m"}),
        ("@every 26h", {"every": "1d2h"}),
        ("CRON_TZ=Asia/Tokyo 0 9 * * *", {"cron": "0 9 * * *", "timezone": "Asia/Tokyo"}),
        ("TZ=UTC 0 9 ? * *", {"cron": "0 9 * * *", "timezone": "UTC"}),
        ("5/20 * * * *", {"cron": "5-59/20 * * * *"}),
        ("0 0 */2 * 1", {"cron": "0 0 1-31/2 * 1"}),
    ],
)
def test_other_forms_of_a_schedule(schedule: str, job: dict[str, str]) -> None:
    assert job.items() <= job_of(cronjob(schedule)).job.items()


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (cronjob("@every 90s"), "whole minutes"),
        (cronjob("@every 1.5h"), "whole hours, minutes and seconds"),
        (cronjob("@reboot"), "not supported"),
        (cronjob("0 0 * * 7"), "7 is not between 0 and 6"),
        (cronjob("0 0 * * sat-sun"), "backward"),
        (cronjob("0 0 * *"), "five fields, this one has 4"),
        (cronjob(""), "no schedule"),
        (cronjob("0 0 * * *", concurrencyPolicy="Sometimes"), "Sometimes is not supported"),
        (cronjob("0 0 * * *", startingDeadlineSeconds="soon"), "must be a whole number"),
        (cronjob("0 0 * * *", suspend="true"), "must be true or false"),
        (cronjob("0 0 * * *", {"template": {}}), "no containers"),
        ({"kind": "CronJob", "spec": []}, "spec must be an object"),
    ],
)
def test_what_has_no_counterpart_is_refused_with_the_reason(document: dict[str, Any], why: str) -> None:
    assert why in reason(document)


def test_a_question_mark_is_a_star_in_each_field() -> None:
    assert job_of(cronjob("? ?/2 ? ?/3 ?")).job["cron"] == "* */2 * */3 *"


def test_what_is_merged_is_a_part_of_it() -> None:
    text = """
base: &base {suspend: true, timeZone: Europe/Berlin, schedule: 1 1 1 1 1}
---
kind: CronJob
metadata: {name: a}
spec:
  <<: [{suspend: true, timeZone: Europe/Berlin, schedule: 1 1 1 1 1}, {timeZone: UTC, concurrencyPolicy: Forbid}]
  schedule: 0 9 * * *
  jobTemplate: {spec: {template: {spec: {containers: [{name: a, args: [--password=hunter2]}]}}}}
"""
    found = list(kubernetes.translate(text, Terms(endpoint="cluster")))[1]
    assert isinstance(found, Translated)
    assert found.is_paused
    terms = {name: found.job[name] for name in ("cron", "timezone", "overlap")}
    assert terms == {"cron": "0 9 * * *", "timezone": "Europe/Berlin", "overlap": "SKIP"}
    assert any("password" in note for note in found.notes)


def test_lists_and_streams_are_read_and_other_kinds_said() -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [cronjob("0 1 * * *"), {"kind": "Deployment"}]}
    text = f"{yaml.safe_dump(listed)}---\n{yaml.safe_dump(cronjob('0 2 * * *'))}---\n---\n"
    found = list(kubernetes.translate(text, Terms(endpoint="cluster")))
    assert [type(each).__name__ for each in found] == ["Translated", "Remark", "Translated"]
    assert len({each.name for each in found if isinstance(each, Translated)}) == 2
    lines = text.splitlines()
    at = [int(each.where.removeprefix("line ")) for each in found]
    assert "apiVersion" in lines[at[0] - 1]
    assert "kind: Deployment" in lines[at[1] - 1]


LIMITS = (
    "backoffLimit and activeDeadlineSeconds: not imported, the endpoint's own apply. To set them: "
    "kronos endpoint edit cluster --max-attempts 7 --timeout-ms 900000"
)
LATEST = "no startingDeadlineSeconds: the latest missed tick of the last 31 days runs"


@pytest.mark.parametrize(
    ("spec", "job", "notes"),
    [
        ({}, {}, [LATEST, LIMITS]),
        ({"startingDeadlineSeconds": 90}, {}, [LIMITS]),
        ({"startingDeadlineSeconds": 89}, {},
         ["startingDeadlineSeconds 89: in Kronos a tick is on time for 90 s", LIMITS]),
        ({"successfulJobsHistoryLimit": 3}, {}, [LATEST, "history limits: the workspace's retention applies", LIMITS]),
        ({"suspend": True}, {}, [LATEST, LIMITS, "the CronJob is suspended: the job is created paused"]),
        ({"surprise": 1}, {}, [LATEST, "spec.surprise has no equivalent: left out", LIMITS]),
        ({}, {"completions": 1, "selector": {}, "suspend": False}, [LATEST, LIMITS]),
        ({}, {"completions": 3}, [LATEST, "jobTemplate's completions is up to the receiver: left out", LIMITS]),
        ({}, {"backoffLimit": 0}, [LATEST, LIMITS.replace("attempts 7", "attempts 1")]),
        ({}, {"backoffLimit": 99}, [LATEST, LIMITS.replace("attempts 7", "attempts 100")]),
        ({}, {"backoffLimit": 500}, [LATEST, LIMITS.replace("attempts 7", "attempts 100")]),
        ({}, {"activeDeadlineSeconds": 60}, [LATEST, LIMITS.replace("900000", "60000")]),
        ({}, {"activeDeadlineSeconds": 900}, [LATEST, LIMITS]),
        ({}, {"activeDeadlineSeconds": 901},
         [LATEST, "activeDeadlineSeconds 901: a request can last at most 900 s", LIMITS]),
    ],
)  # fmt: skip
def test_each_difference_is_noted_and_nothing_else(spec: dict[str, Any], job: dict[str, Any], notes: list[str]) -> None:
    assert list(job_of(cronjob("0 9 * * 1", job, **spec)).notes) == notes


def test_an_interval_counts_from_another_instant() -> None:
    found = job_of(cronjob("@every 1h", startingDeadlineSeconds=100))
    assert found.notes[0] == "@every counts from the last run; Kronos counts from the job's creation"
    assert found.job["catch_up"] == {"policy": "LATEST", "window_seconds": 100}


@pytest.mark.parametrize(
    ("text", "every"),
    [("1s", "1s"), ("59s", "59s"), ("60s", "1m"), ("120s", "2m"), ("1h1m", "1h1m"), ("48h", "2d")],
)
def test_an_interval_is_seconds_up_to_a_minute_and_whole_minutes_above(text: str, every: str) -> None:
    assert job_of(cronjob(f"@every {text}")).job["every"] == every


@pytest.mark.parametrize("text", ["0s", "61s", "1m1s", "1h 1m", "h", "5", "-1h"])
def test_an_interval_of_other_lengths_is_refused(text: str) -> None:
    assert reason(cronjob(f"@every {text}")).startswith(f"@every {text}: ")


def test_the_window_of_catching_up_is_a_month_at_most() -> None:
    for deadline, window in ((None, 2_678_400), (2_678_401, 2_678_400), (7, 7)):
        found = job_of(cronjob("0 9 * * 1", startingDeadlineSeconds=deadline))
        assert found.job["catch_up"] == {"policy": "LATEST", "window_seconds": window}


def test_an_endpoint_retries_as_the_cluster_does() -> None:
    terms = Terms(url="https://cluster.example.com/run")
    found = job_of(cronjob("0 9 * * 1"), terms)
    assert found.endpoint == {
        "name": "billing.report",
        "type": "HTTP",
        "spec": {"url": "https://cluster.example.com/run", "timeout_ms": 900_000},
        "retry_policy": {
            "max_attempts": 7,
            "backoff": "exponential",
            "initial_delay_ms": 10_000,
            "max_delay_ms": 360_000,
        },
    }
    long = job_of(cronjob("0 9 * * 1", {"activeDeadlineSeconds": 10**9}), terms)
    assert long.endpoint is not None
    assert long.endpoint["retry_policy"]["max_age_seconds"] == 366 * 24 * 3600


def test_a_cronjob_is_named_with_its_namespace_unless_that_is_the_default() -> None:
    document = cronjob("0 9 * * 1")
    assert (job_of(document).name, job_of(document).text) == ("billing.report", "billing/report 0 9 * * 1")
    for namespace in ({"namespace": "default"}, {}):
        found = job_of(document | {"metadata": {"name": "report", **namespace}})
        assert (found.name, found.job["input"]["namespace"]) == ("report", "default")
    nameless = job_of(document | {"metadata": {}})
    assert nameless.job["input"]["cronjob"] == ""
    assert "None" not in nameless.name


def test_what_was_refused_is_told_by_its_name() -> None:
    found = one(cronjob("@reboot"))
    assert isinstance(found, Untranslated)
    assert (found.where, found.text) == ("line 1", "report")
    odd: tuple[object, ...] = ({}, [], None)
    for metadata in odd:
        nameless = one(cronjob("@reboot") | {"metadata": metadata})
        assert isinstance(nameless, Untranslated)
        assert nameless.text == ""


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"kind": "Deployment"}, "not a CronJob: Deployment"),
        ({"metadata": {}}, "not a CronJob: a document without a kind"),
        (["CronJob"], "not a CronJob: a document without a kind"),
        (7, "not a CronJob: a document without a kind"),
    ],
)
def test_another_document_is_remarked_on(document: Any, said: str) -> None:
    (found,) = kubernetes.translate(yaml.safe_dump(document), Terms(endpoint="cluster"))
    assert isinstance(found, Remark)
    assert found.text == said


def test_the_zone_is_the_cronjobs_own_or_else_the_one_given() -> None:
    terms = Terms(endpoint="cluster", timezone="Asia/Tokyo")
    assert job_of(cronjob("0 9 * * 1"), terms).job["timezone"] == "Asia/Tokyo"
    assert job_of(cronjob("0 9 * * 1", timeZone="Europe/Berlin"), terms).job["timezone"] == "Europe/Berlin"
    assert reason(cronjob("0 9 * * 1", timeZone=["UTC"])) == "timeZone must be a text"


@pytest.mark.parametrize("value", [-1, True, 1.5, "7"])
@pytest.mark.parametrize("name", ["backoffLimit", "activeDeadlineSeconds"])
def test_a_limit_is_a_whole_number(name: str, value: object) -> None:
    assert reason(cronjob("0 9 * * 1", {name: value})) == f"{name} must be a whole number"


def containers_of(*containers: object, **pod: object) -> dict[str, Any]:
    return cronjob("0 9 * * 1", {"template": {"spec": {"containers": list(containers), **pod}}})


PASSWORD = "it seems to contain a password, which anyone who sees payloads can read: keep it in the cluster"


@pytest.mark.parametrize(
    ("container", "note"),
    [
        ({"env": [{"name": "A", "value": "b"}]}, "the containers' environment stays in Kubernetes"),
        ({"envFrom": [{"secretRef": {"name": "s"}}]}, "the containers' environment stays in Kubernetes"),
        ({"args": ["--password", "hunter2"]}, PASSWORD),
        ({"command": ["sh", "-c", "PGPASSWORD=hunter2 psql"]}, PASSWORD),
    ],
)
def test_one_container_of_several_is_enough_for_a_note(container: dict[str, Any], note: str) -> None:
    plain = {"name": "main", "image": "report:1", "resources": {}}
    found = job_of(containers_of(plain, {"name": "other", **container}))
    assert note in found.notes
    assert found.job["input"]["containers"][0] == {"name": "main", "image": "report:1"}
    assert note not in job_of(containers_of(plain, plain)).notes


def test_init_containers_stay() -> None:
    note = "the init containers stay in Kubernetes"
    assert note in job_of(containers_of({"name": "main"}, initContainers=[{"name": "first"}])).notes
    assert note not in job_of(containers_of({"name": "main"}, initContainers=[])).notes


def test_containers_that_are_none_are_refused() -> None:
    assert reason(containers_of("main")) == "jobTemplate has no containers"
    assert reason(containers_of({"name": "main"}, "main")) == "jobTemplate has no containers"
    assert (
        reason(containers_of({"name": "a", "args": ["b"]}, {"name": "main", "args": True}))
        == "the args of a container must be a list"
    )
    assert reason(cronjob("0 9 * * 1", concurrencyPolicy=["Forbid"])).startswith("concurrencyPolicy ")
