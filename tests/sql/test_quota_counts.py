"""Quotas at exactly their limit: what still fits, what does not, and what a refusal says."""

import json
import uuid

import psycopg
import pytest
from psycopg.types.json import Jsonb

from alert_rows import add_rule
from beat_rows import make_beat
from factory import EndpointRow, add_endpoint, add_named_one_shot, add_workspace
from set_clock import NOON, SetClock
from sql.truths import differing
from sql_factory import Connection, Record, make_cron_job, records, value, values

pytestmark = pytest.mark.usefixtures("at_noon")


def limited(connection: Connection, **limits: int | None) -> uuid.UUID:
    """A new workspace with these quotas, which the session enters."""
    workspace_id = add_workspace(connection)
    limit(connection, workspace_id, **limits)
    connection.execute("select set_config('kronos.workspace_id', %s, false)", [str(workspace_id)])
    return workspace_id


def limit(connection: Connection, workspace_id: uuid.UUID, **limits: int | None) -> None:
    wanted = ", ".join(["version = version + 1", *(f"{name} = %s" for name in limits)])
    connection.execute(
        f"update kronos.workspaces set {wanted} where workspace_id = %s", [*limits.values(), workspace_id]
    )


def taken(connection: Connection, workspace_id: uuid.UUID, number: int = 1) -> Record | None:
    """Count this many executions. Return the refusal."""
    found: Record | None = value(connection, "select kronos.take_executions(%s, %s)", [workspace_id, number])
    return found


def used(connection: Connection, workspace_id: uuid.UUID) -> int:
    found = value(connection, "select coalesce(sum(used), 0) from kronos.quota_shards where workspace_id = %s",
                  [workspace_id])  # fmt: skip
    return int(found)


def left(connection: Connection, workspace_id: uuid.UUID) -> int | None:
    found: int | None = value(connection, "select kronos.executions_left(%s)", [workspace_id])
    return found


@pytest.mark.parametrize("most", [1, 15, 16, 17, 50])
def test_one_by_one_a_day_has_exactly_as_many_executions_as_its_quota(shared: Connection, most: int) -> None:
    workspace_id = limited(shared, max_executions_per_day=most)
    shares = values(shared, "select share from kronos.quota_shards where workspace_id = %s order by shard",
                    [workspace_id])  # fmt: skip
    assert (len(shares), sum(shares), max(shares) - min(shares)) == (16, most, 0 if most % 16 == 0 else 1)
    for number in range(most):
        assert left(shared, workspace_id) == most - number
        assert taken(shared, workspace_id) is None
    refusal = taken(shared, workspace_id)
    assert refusal is not None
    assert (refusal["quota"], refusal["used"], refusal["limit"], refusal["asked"]) == (
        "executions_per_day",
        most,
        most,
        1,
    )
    assert "is_held" not in refusal
    assert (left(shared, workspace_id), used(shared, workspace_id)) == (0, most)


@pytest.mark.parametrize(
    ("before", "number", "fits"),
    [
        (0, 100, True),
        (0, 101, False),
        (1, 99, True),
        (1, 100, False),
        (94, 6, True),
        (94, 7, False),
        (100, 0, True),
        (100, 1, False),
    ],
)
def test_many_at_once_fit_up_to_the_last_one_of_the_day_or_not_at_all(
    shared: Connection, before: int, number: int, fits: bool
) -> None:
    """However the day is shared out: each call alone is larger than a sixteenth of it."""
    workspace_id = limited(shared, max_executions_per_day=100)
    assert taken(shared, workspace_id, before) is None
    refusal = taken(shared, workspace_id, number)
    assert (refusal is None, used(shared, workspace_id)) == (fits, before + number * fits)
    assert refusal is None or (refusal["used"], refusal["asked"]) == (before, number)


def test_what_fits_on_no_day_is_told_from_what_fits_tomorrow(shared: Connection) -> None:
    workspace_id = limited(shared, max_executions_per_day=10)
    count = "select kronos.count_executions(%s, %s)"
    shared.execute(count, [workspace_id, 4])
    for number, sqlstate in ((6, None), (1, "KR040"), (10, "KR040"), (11, "KR041"), (0, None)):
        if sqlstate is None:
            shared.execute(count, [workspace_id, number])
            continue
        with pytest.raises(psycopg.Error) as refused:
            shared.execute(count, [workspace_id, number])
        numbers = json.loads(refused.value.diag.message_detail or "")
        assert (refused.value.sqlstate, numbers["used"], numbers["asked"]) == (sqlstate, 10, number)
        assert refused.value.diag.message_hint
    limit(shared, workspace_id, max_executions_per_day=0)
    with pytest.raises(psycopg.Error) as refused:
        shared.execute(count, [workspace_id, 1])
    assert refused.value.sqlstate == "KR041"


def test_a_quota_that_is_changed_in_the_middle_of_a_day_keeps_what_was_used(shared: Connection) -> None:
    workspace_id = limited(shared, max_executions_per_day=20)
    assert taken(shared, workspace_id, 12) is None
    for most, rest in ((30, 18), (12, 0), (5, 0), (13, 1), (20, 8)):
        limit(shared, workspace_id, max_executions_per_day=most)
        assert (left(shared, workspace_id), used(shared, workspace_id)) == (rest, 12), most
        (row,) = records(shared, "select sum(day_share) as day, max(day_share) - min(day_share) as apart"
                                 "  from kronos.quota_shards where workspace_id = %s", [workspace_id])  # fmt: skip
        assert (row["day"], row["apart"] <= 1) == (most, True)
        with shared.transaction(force_rollback=True):
            refusal = taken(shared, workspace_id, rest + 1)
            assert refusal is not None
            assert (refusal["used"], refusal["limit"]) == (12, most)
            assert taken(shared, workspace_id, rest) is None
    limit(shared, workspace_id, max_executions_per_day=None)
    assert (taken(shared, workspace_id, 10**12), left(shared, workspace_id)) == (None, None)
    assert values(shared, "select shard from kronos.quota_shards where workspace_id = %s", [workspace_id]) == []
    limit(shared, workspace_id, max_executions_per_day=3)
    assert left(shared, workspace_id) == 3  # counting begins at this moment


def test_executions_that_other_sessions_hold_are_not_known_yet_and_nothing_is_counted(
    superuser: Connection, other: Connection
) -> None:
    SetClock(superuser).set(NOON)
    workspace_id = limited(superuser, max_executions_per_day=32)
    other.execute("select from kronos.quota_shards where workspace_id = %s and shard < 15 for update", [workspace_id])
    assert taken(superuser, workspace_id, 2) is None  # the one that nobody holds
    refusal = taken(superuser, workspace_id)
    assert refusal is not None
    assert (refusal["is_held"], refusal["used"], used(superuser, workspace_id)) == (True, 2, 2)
    too_many = taken(superuser, workspace_id, 31)  # of which there are only 30, whoever holds them
    assert too_many is not None
    assert "is_held" not in too_many
    exactly = taken(superuser, workspace_id, 30)
    assert exactly is not None
    assert exactly["is_held"]
    other.rollback()
    assert taken(superuser, workspace_id, 30) is None


def test_a_refusal_is_a_sentence_with_its_numbers(shared: Connection) -> None:
    day = {"quota": "executions_per_day", "used": 9, "limit": 10, "resets_at": "T"}
    facts = [
        (day | {"asked": 1}, "the workspace has used 9 of its 10 executions of the day, and 1 more is requested; "
                             "they are reset at T"),
        (day | {"asked": 2}, "the workspace has used 9 of its 10 executions of the day, and 2 more are requested; "
                             "they are reset at T"),
        ({"quota": "input_bytes", "asked": 21, "limit": 20}, "the input has 21 bytes, but the workspace's limit is 20"),
        ({"quota": "cron_jobs", "used": 4, "limit": 3},
         "the workspace would have 4 ACTIVE and PAUSED CRON jobs; its limit is 3"),
        ({"quota": "heartbeats", "used": 4, "limit": 3}, "the workspace would have 4 heartbeats; its limit is 3"),
        ({"quota": "alert_rules", "used": 4, "limit": 3}, "the workspace would have 4 alert rules; its limit is 3"),
        ({"quota": "alarms_per_minute", "used": 4, "limit": 3},
         "4 entries in pg_cron would ring in the same minute; the workspace's limit is 3"),
    ]  # fmt: skip
    given = [(Jsonb(refusal), text) for refusal, text in facts]
    assert differing(shared, "kronos.refusal_text(%s)", given) == []
    reason = value(shared, "select kronos.quota_reason(%s)", [Jsonb(day | {"asked": 1, "retry_after_seconds": 7})])
    assert reason == day | {"asked": 1, "code": "quota_exceeded", "detail": facts[0][1]}


@pytest.mark.parametrize(
    ("inputs", "asked"),
    [
        ([], None),
        ([{"a": 1}], None),
        ([{"a": "12345678"}], None),  # 17 bytes: {"a": "12345678"}
        ([{"a": "123456789"}], 18),
        ([{"a": "1234567é"}], 18),
        ([{}, {"a": "1" * 30}, {"a": "1" * 20}], 39),
        ([None, {}], None),
    ],
)
def test_an_input_fits_if_it_has_no_more_bytes_than_the_quota(
    shared: Connection, inputs: list[dict[str, object] | None], asked: int | None
) -> None:
    workspace_id = limited(shared, max_input_bytes=17)
    call = "select kronos.check_inputs(%s, %s::jsonb[])"
    given = [workspace_id, [None if each is None else Jsonb(each) for each in inputs]]
    if asked is None:
        shared.execute(call, given)
        return
    with pytest.raises(psycopg.Error) as refused:
        shared.execute(call, given)
    numbers = json.loads(refused.value.diag.message_detail or "")
    assert (refused.value.sqlstate, refused.value.diag.column_name) == ("KR041", "input")
    assert numbers == {"quota": "input_bytes", "asked": asked, "limit": 17}
    limit(shared, workspace_id, max_input_bytes=None)
    shared.execute(call, given)


PEAKS: list[tuple[list[str], int]] = [
    ([], 0),
    (["0 4 * * *"], 1),
    (["0 4 * * *", "0 4 * * *"], 2),
    (["0 4 * * *", "1 4 * * *"], 1),
    (["0 4 * * *", "0 5 * * *"], 1),
    (["0 4 1 1 *", "0 4 * * 2"], 2),  # days do not count
    (["0 4 * * *", "0 * * * *", "* * * * *"], 3),
    (["0 4 * * *", "*/30 4-6 * * *", "30 6 * * *"], 2),
    (["59 23 * * *", "0 0 * * *", "55-59 20-23 * * *"], 2),
    (["0,59 0,23 * * *", "59 0 * * *", "0 23 * * *", "59 23 * * *"], 2),
    (["*/7 * * * *", "*/11 * * * *", "0 12 * * *"], 3),
    (["*/7 * * * *", "*/11 * * * *", "7 12 * * *"], 2),
    (["* * * * *"] * 5 + ["3 3 * * *"] * 2, 7),
    (["0 0 * * *", "0 0 * * *", "0 4 * * *"], 2),
    (["0 1-2 * * *", "0 5 * * *"], 1),
    (["1-2 0 * * *", "5 0 * * *"], 1),
]


@pytest.mark.parametrize(("crons", "peak"), PEAKS)
def test_entries_are_counted_in_the_fullest_minute_of_a_day(shared: Connection, crons: list[str], peak: int) -> None:
    workspace_id = limited(shared)
    endpoint = add_endpoint(shared, workspace_id)
    for cron in crons:
        make_cron_job(shared, endpoint, cron=cron)
    make_cron_job(shared, endpoint, status="PAUSED")
    make_cron_job(shared)  # another workspace's
    add_named_one_shot(shared, endpoint)
    assert value(shared, "select kronos.alarm_peak(%s)", [workspace_id]) == peak
    (row,) = records(shared, "select alarms, cron_jobs from kronos.usage_of()")
    assert (row["alarms"], row["cron_jobs"]) == (peak, len(crons) + 1)


def test_an_entry_that_rings_every_few_seconds_rings_in_each_minute(shared: Connection) -> None:
    workspace_id = limited(shared)
    endpoint = add_endpoint(shared, workspace_id)
    make_cron_job(shared, endpoint, cron="7 7 * * *")
    often = make_cron_job(shared, endpoint)
    shared.execute("update kronos.jobs set alarm = '30 seconds' where job_id = %s", [often])
    assert value(shared, "select kronos.alarm_peak(%s)", [workspace_id]) == 2


def test_of_some_jobs_only_the_minutes_in_which_they_ring_are_counted(shared: Connection) -> None:
    endpoint = add_endpoint(shared, limited(shared))
    lone, early, twin = (make_cron_job(shared, endpoint, cron=cron) for cron in ("7 7 * * *", "0 4 * * *", "0 4 * * *"))
    hourly = make_cron_job(shared, endpoint, cron="0 * * * *")
    paused = make_cron_job(shared, endpoint, cron="0 4 * * *", status="PAUSED")
    stranger, one_shot = make_cron_job(shared, cron="0 4 * * *"), add_named_one_shot(shared, endpoint)
    for jobs, peak in (
        ([lone], 1),
        ([early], 3),
        ([lone, twin], 3),
        ([hourly], 3),
        ([paused], 0),
        ([stranger], 0),
        ([one_shot], 0),
        ([], 0),
    ):
        found = value(shared, "select kronos.alarm_peak(%s, %s::uuid[])", [endpoint.workspace_id, jobs])
        assert found == peak, jobs


@pytest.mark.parametrize("what", ["heartbeats", "alert_rules"])
def test_heartbeats_and_alert_rules_fit_up_to_their_quota(shared: Connection, what: str) -> None:
    endpoint, stranger = (
        add_endpoint(shared, limited(shared, max_heartbeats=2, max_alert_rules=2)),
        add_endpoint(shared),
    )

    def make(where: EndpointRow = endpoint) -> None:
        if what == "heartbeats":
            make_beat(shared, where.workspace_id, period_seconds=60)
        else:
            add_rule(shared, where)

    make(stranger)

    def usage() -> tuple[int, int]:
        shared.execute("select set_config('kronos.workspace_id', %s, false)", [str(endpoint.workspace_id)])
        (row,) = records(shared, "select * from kronos.alert_usage_of()")
        return row[what], row[f"max_{what}"]

    for number in range(2):
        assert usage() == (number, 2)
        make()
    with pytest.raises(psycopg.Error) as refused:
        make()
    assert (refused.value.sqlstate, json.loads(refused.value.diag.message_detail or "")) == (
        "KR041",
        {"quota": what, "used": 3, "limit": 2},
    )
    assert usage() == (2, 2)
    free_one(shared, endpoint, what)
    assert usage() == (1, 2)
    make()
    limit(shared, endpoint.workspace_id, **{f"max_{what}": 1})
    assert usage() == (2, 1)  # what there is stays
    limit(shared, endpoint.workspace_id, **{f"max_{what}": None})
    make()
    assert (usage()[0], value(shared, "select max_heartbeats is null from kronos.alert_usage_of()")) == (
        3,
        what == "heartbeats",
    )


def free_one(connection: Connection, endpoint: EndpointRow, what: str) -> None:
    """Delete one of the workspace's heartbeats, or of its alert rules."""
    if what == "heartbeats":
        name = values(connection, "select name from kronos.beats where workspace_id = %s", [endpoint.workspace_id])[0]
        connection.execute("update kronos.beats set deleted_at = now() where name = %s", [name])
    else:
        connection.execute(
            "delete from kronos.alert_rules where rule_id = (select rule_id from kronos.alert_rules"
            " where workspace_id = %s limit 1)",
            [endpoint.workspace_id],
        )


def test_the_room_of_a_workspace_is_shown_only_where_there_are_quotas(shared: Connection) -> None:
    workspace_id = limited(shared, max_executions_per_day=20, max_input_bytes=100)
    assert value(shared, "select kronos.quota_room()") is None
    shared.execute("select set_config('kronos.quotas', 'on', false)")
    assert taken(shared, workspace_id, 3) is None
    endpoint = add_endpoint(shared, workspace_id)
    for status in ("ACTIVE", "PAUSED"):
        make_cron_job(shared, endpoint, status=status)
    room = value(shared, "select kronos.quota_room()")
    assert (room["executions_left"], room["max_executions_per_day"], room["max_input_bytes"]) == (17, 20, 100)
    assert room["executions_used"] == 3
    assert (room["cron_jobs"], room["max_cron_jobs"]) == (None, None)  # not counted without a limit
    limit(shared, workspace_id, max_cron_jobs=9)
    room = value(shared, "select kronos.quota_room()")
    assert (room["cron_jobs"], room["max_cron_jobs"]) == (2, 9)
    assert (room["retry_after_seconds"], room["resets_at"]) == (43_200, "2026-11-30T00:00:00Z")
    shared.execute("select set_config('kronos.quotas', '', false)")
