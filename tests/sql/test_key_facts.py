"""API keys and sign-ins: until when they are valid, to the microsecond, and what ends with what."""

import hashlib
import uuid
from datetime import datetime, timedelta

import psycopg
import pytest

from factory import add_workspace
from set_clock import NOON, SetClock
from sql_factory import Connection, records, value, values

HOUR, MOMENT = timedelta(hours=1), timedelta(microseconds=1)


@pytest.fixture
def noon(undone: Connection, at_noon: None) -> Connection:
    """A connection whose clock stands at noon. What a test does is undone."""
    return undone


@pytest.fixture
def workspace_id(noon: Connection) -> uuid.UUID:
    """A workspace that the session has entered."""
    made = add_workspace(noon)
    noon.execute("select set_config('kronos.workspace_id', %s, true)", [str(made)])
    return made


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def add(connection: Connection, workspace_id: uuid.UUID | None, public_id: str, **columns: object) -> uuid.UUID:
    """Insert a key of the workspace, or of the instance."""
    given = {"role": "viewer" if workspace_id else "instance_admin", **columns}
    found: uuid.UUID = value(
        connection,
        f"insert into kronos.api_keys (public_id, secret_sha256, workspace_id, {', '.join(given)})"
        f" values (%s, %s, %s, {', '.join(['%s'] * len(given))}) returning key_id",
        [public_id, digest(public_id), workspace_id, *given.values()],
    )
    return found


def end_workspace(connection: Connection, workspace_id: uuid.UUID, status: str) -> None:
    connection.execute(
        "update kronos.workspaces set status = %(status)s,"
        " suspended_at = case %(status)s when 'SUSPENDED' then now() end,"
        " deleted_at = case %(status)s when 'DELETED' then now() end where workspace_id = %(id)s",
        {"status": status, "id": workspace_id},
    )


def test_a_key_is_valid_until_it_expires_is_revoked_or_its_workspace_is_deleted(
    noon: Connection, workspace_id: uuid.UUID
) -> None:
    of = {
        "never": add(noon, workspace_id, "never"),
        "later": add(noon, workspace_id, "later", expires_at=NOON + MOMENT),
        "now": add(noon, workspace_id, "now", expires_at=NOON),
        "past": add(noon, workspace_id, "past", expires_at=NOON - MOMENT),
        "revoked": add(noon, workspace_id, "revoked", revoked_at=NOON + HOUR),
        "instance": add(noon, None, "instance", expires_at=NOON + HOUR),
        "instance_now": add(noon, None, "instance_now", expires_at=NOON),
        "instance_revoked": add(noon, None, "instance_revoked", revoked_at=NOON - HOUR),
    }

    def valid() -> dict[str, float | None]:
        found = {}
        for name in of:
            for row in records(noon, "select * from kronos.find_key(%s)", [name]):
                assert row["secret_sha256"] == digest(name)
                found[name] = row["valid_seconds"]
        known = records(noon, "select key_id, valid_seconds from kronos.known_keys(%s)", [list(of.values())])
        assert {row["key_id"]: row["valid_seconds"] for row in known} == {
            of[name]: each for name, each in found.items()
        }
        return found

    assert valid() == {"never": None, "later": 1e-06, "instance": 3600.0}
    of_previous_release = [name for name in of if records(noon, "select * from kronos.find_api_key(%s)", [name])]
    assert of_previous_release == ["instance"]
    end_workspace(noon, workspace_id, "SUSPENDED")
    assert valid() == {"never": None, "later": 1e-06, "instance": 3600.0}
    end_workspace(noon, workspace_id, "DELETED")
    assert valid() == {"instance": 3600.0}
    assert records(noon, "select * from kronos.find_key('nobody')") == []


def test_a_key_that_would_never_be_valid_is_not_made(noon: Connection, workspace_id: uuid.UUID) -> None:
    make = "select * from kronos.make_key(%s, %s, 'operator', true, 'ci', %s, 'admin')"
    for expires_at, is_made in ((NOON - MOMENT, False), (NOON, False), (NOON + MOMENT, True), (None, True)):
        made = records(noon, make, [f"key-{expires_at}", digest("x"), expires_at])
        assert len(made) == is_made, expires_at
        for row in made:
            assert (row["role"], row["sees_payloads"], row["name"]) == ("operator", True, "ci")
            assert (row["created_at"], row["created_by"], row["expires_at"]) == (NOON, "admin", expires_at)
            assert row["workspace_id"] == workspace_id
    noon.execute("select set_config('kronos.workspace_id', '', true)")
    assert records(noon, make, ["key", digest("x"), None]) == []


@pytest.mark.parametrize(
    ("lifetime", "overlap", "expires_at", "old_ends", "new_ends"),
    [
        (None, HOUR, None, NOON + HOUR, None),
        (None, timedelta(), None, NOON, None),
        (10 * HOUR, HOUR, None, NOON + HOUR, NOON + 10 * HOUR),  # as long as the old one was made for
        (10 * HOUR, 100 * HOUR, None, NOON + 8 * HOUR, NOON + 10 * HOUR),  # and that one no longer than it was
        (10 * HOUR, HOUR, NOON + 3 * HOUR, NOON + HOUR, NOON + 3 * HOUR),
    ],
)
def test_a_rotated_key_has_the_life_of_the_old_one_which_ends_after_the_overlap(
    noon: Connection,
    workspace_id: uuid.UUID,
    lifetime: timedelta | None,
    overlap: timedelta,
    expires_at: datetime | None,
    old_ends: datetime,
    new_ends: datetime | None,
) -> None:
    """The old one was made two hours ago."""
    made_at = NOON - 2 * HOUR
    old = add(
        noon,
        workspace_id,
        "old",
        name="ci",
        role="viewer",
        sees_payloads=False,
        created_at=made_at,
        expires_at=None if lifetime is None else made_at + lifetime,
    )
    other = add(noon, workspace_id, "other")
    rotate = "select * from kronos.rotate_key(%s, 'new', %s, %s, %s, 'admin')"
    (new,) = records(noon, rotate, [old, digest("new"), overlap, expires_at])
    assert value(noon, "select expires_at from kronos.api_keys where key_id = %s", [old]) == old_ends
    assert value(noon, "select expires_at from kronos.api_keys where key_id = %s", [other]) is None
    assert (new["expires_at"], new["created_at"], new["created_by"]) == (new_ends, NOON, "admin")
    assert (new["name"], new["role"], new["sees_payloads"]) == ("ci", "viewer", False)


def test_only_a_valid_key_of_the_workspace_is_rotated(noon: Connection, workspace_id: uuid.UUID) -> None:
    rotate = "select * from kronos.rotate_key(%s, 'new', %s, '1 hour', null, 'admin')"
    stranger = add_workspace(noon)
    for key_id in (
        add(noon, workspace_id, "expired", expires_at=NOON),
        add(noon, workspace_id, "revoked", revoked_at=NOON),
        add(noon, stranger, "strange"),
        add(noon, None, "instance"),
        uuid.uuid4(),
    ):
        assert records(noon, rotate, [key_id, digest("new")]) == []
    assert values(noon, "select public_id from kronos.api_keys where public_id = 'new'") == []
    assert len(records(noon, rotate, [add(noon, workspace_id, "valid", expires_at=NOON + MOMENT), digest("new")])) == 1


def test_a_workspace_has_a_thousand_valid_keys_and_those_that_ended_do_not_count(
    noon: Connection, workspace_id: uuid.UUID
) -> None:
    noon.execute("set local session_replication_role = 'replica'")  # their audit is not what this is about
    noon.execute(
        "insert into kronos.api_keys (public_id, secret_sha256, role, workspace_id, expires_at, revoked_at)"
        " select 'k' || n, sha256('x'), 'viewer', %s, case when n between 1001 and 1010 then %s::timestamptz end,"
        "        case when n > 1010 then %s::timestamptz end from generate_series(1, 1020) as n",
        [workspace_id, NOON, NOON],
    )
    add(noon, add_workspace(noon), "strange")
    room = "select kronos.require_key_room(%s)"
    with noon.transaction(force_rollback=True):
        noon.execute("delete from kronos.api_keys where public_id = 'k1'")
        assert value(noon, room, [None])
    ending = value(noon, "select key_id from kronos.api_keys where public_id = 'k1'")
    assert value(noon, room, [ending])
    with pytest.raises(psycopg.Error, match="already has 1,000 valid keys") as refused, noon.transaction():
        value(noon, room, [None])
    assert refused.value.sqlstate == "KR044"


def test_a_revoked_key_stays_revoked_since_the_first_time_and_is_listed_no_more(
    noon: Connection, set_clock: SetClock, workspace_id: uuid.UUID
) -> None:
    mine, expired = (add(noon, workspace_id, name, expires_at=NOON - HOUR) for name in ("mine", "expired"))
    strange = add(noon, add_workspace(noon), "strange")
    listed = "select key_id from kronos.workspace_keys()"
    assert set(values(noon, listed)) == {mine, expired}
    revoke = "select kronos.revoke_workspace_key(%s)"
    assert [value(noon, revoke, [each]) for each in (mine, strange, uuid.uuid4())] == [True, False, False]
    set_clock.set(NOON + HOUR)
    assert value(noon, revoke, [mine])
    revoked = "select revoked_at from kronos.api_keys where key_id = any (%s) order by revoked_at"
    assert values(noon, revoked, [[mine, strange]]) == [NOON, None]
    assert values(noon, listed) == [expired]


def test_the_use_of_a_key_is_noted_once_a_minute(
    noon: Connection, set_clock: SetClock, workspace_id: uuid.UUID
) -> None:
    keys = [add(noon, workspace_id, name) for name in ("a", "b", "unused")]
    note = "select kronos.note_use(%s)"
    for after, noted in (
        (timedelta(), 2),
        (timedelta(), 0),
        (timedelta(minutes=1) - MOMENT, 0),
        (timedelta(minutes=1), 2),
        (timedelta(minutes=2), 2),
    ):
        set_clock.set(NOON + after)
        assert value(noon, note, [keys[:2]]) == noted, after
    used = values(noon, "select last_used_at from kronos.api_keys where key_id = any (%s) order by 1", [keys])
    assert used == [NOON + timedelta(minutes=2)] * 2 + [None]


def sign_in(connection: Connection, secret: str, key_id: uuid.UUID, lasts: timedelta) -> float | None:
    """Open a session for the holder of a key. Return how long it lasts."""
    opened = records(connection, "select * from kronos.open_key_sign_in(%s, %s, %s)", [digest(secret), key_id, lasts])
    return opened[0]["valid_seconds"] if opened else None


def test_a_session_ends_with_its_key_or_after_its_own_time(
    noon: Connection, set_clock: SetClock, workspace_id: uuid.UUID
) -> None:
    short = add(noon, workspace_id, "short", expires_at=NOON + HOUR)
    long = add(noon, workspace_id, "long")
    assert sign_in(noon, "a", short, 2 * HOUR) == 3600
    assert sign_in(noon, "b", long, 2 * HOUR) == 7200
    assert sign_in(noon, "none", add(noon, workspace_id, "expired", expires_at=NOON), HOUR) is None

    def seen() -> dict[str, float]:
        found = {}
        for secret in ("a", "b"):
            for row in records(noon, "select * from kronos.find_key_sign_in(%s)", [digest(secret)]):
                found[row["public_id"]] = row["valid_seconds"]
        return found

    def ends() -> list[tuple[str, str]]:
        found = [records(noon, "select * from kronos.sign_in_end(%s)", [digest(each)]) for each in ("a", "b")]
        return [(row["public_id"], row["reason"]) for rows in found for row in rows]

    assert seen() == {"short": 3600, "long": 7200}
    set_clock.set(NOON + HOUR - MOMENT)
    assert seen() == {"short": 1e-06, "long": 3600 + 1e-06}
    set_clock.set(NOON + HOUR)
    assert seen() == {"long": 3600}
    assert ends()[0] == ("short", "expired")
    set_clock.set(NOON + 2 * HOUR - MOMENT)
    assert seen() == {"long": 1e-06}
    set_clock.set(NOON + 2 * HOUR)
    assert seen() == {}
    assert ends() == [("short", "expired"), ("long", "over")]
    end_workspace(noon, workspace_id, "DELETED")
    assert ends() == [("short", "expired"), ("long", "deleted")]
    noon.execute("update kronos.api_keys set revoked_at = kronos.now() where key_id = any (%s)", [[short, long]])
    assert ends() == [("short", "revoked"), ("long", "revoked")]
    assert [value(noon, "select kronos.end_sign_in(%s)", [digest("a")]) for _ in range(2)] == [True, False]
    assert ends() == [("long", "revoked")]


def test_a_key_has_a_hundred_sessions_and_another_one_ends_its_oldest(
    noon: Connection, set_clock: SetClock, workspace_id: uuid.UUID
) -> None:
    key_id, other = add(noon, workspace_id, "key"), add(noon, workspace_id, "other")
    sign_in(noon, "other", other, HOUR)
    noon.execute(
        "insert into kronos.sign_ins (secret_sha256, key_id, created_at, expires_at)"
        " select sha256(convert_to(n::text, 'UTF8')), %s, %s + n * interval '1 us', %s"
        "   from generate_series(0, 98) as n",
        [key_id, NOON, NOON + HOUR],
    )
    for nth in (99, 100, 101):
        set_clock.set(NOON + nth * MOMENT)
        sign_in(noon, f"session-{nth}", key_id, HOUR)
    left = values(noon, "select created_at from kronos.sign_ins where key_id = %s order by 1", [key_id])
    assert left == [NOON + nth * MOMENT for nth in range(2, 102)]
    assert len(records(noon, "select * from kronos.find_key_sign_in(%s)", [digest("other")])) == 1


def test_a_person_is_signed_in_until_the_time_is_over_with_the_roles_of_now(
    noon: Connection, set_clock: SetClock, workspace_id: uuid.UUID
) -> None:
    noon.execute("delete from kronos.sign_ins")
    opened = value(noon, "select kronos.open_sign_in(%s, 'ann', 'ann@x', '{ops,dev}', '1 hour')", [digest("ann")])
    find = "select * from kronos.find_sign_in(%s)"
    (found,) = records(noon, find, [digest("ann")])
    assert (found["sign_in_id"], found["subject"], found["email"]) == (opened, "ann", "ann@x")
    assert (found["valid_seconds"], found["grants"]) == (3600, [])
    gone = add_workspace(noon)
    end_workspace(noon, gone, "DELETED")
    for where, group, role in (
        (workspace_id, "ops", "operator"),
        (workspace_id, "boss", "admin"),
        (gone, "ops", "admin"),
    ):
        noon.execute(
            "insert into kronos.role_mappings (workspace_id, group_name, role, sees_payloads)"
            " values (%s, %s, %s, true)",
            [where, group, role],
        )
    (found,) = records(noon, find, [digest("ann")])
    assert [(grant["role"], grant["workspace_id"]) for grant in found["grants"]] == [("operator", str(workspace_id))]
    assert records(noon, "select * from kronos.find_key_sign_in(%s)", [digest("ann")]) == []
    set_clock.set(NOON + HOUR - MOMENT)
    assert len(records(noon, find, [digest("ann")])) == 1
    set_clock.set(NOON + HOUR)
    assert records(noon, find, [digest("ann")]) == []
    (end,) = records(noon, "select * from kronos.sign_in_end(%s)", [digest("ann")])
    assert (end["public_id"], end["reason"]) == (None, "over")


def test_each_new_session_deletes_up_to_a_hundred_that_are_over_oldest_first(
    noon: Connection, workspace_id: uuid.UUID
) -> None:
    key_id = add(noon, workspace_id, "key")
    noon.execute(
        "insert into kronos.sign_ins (secret_sha256, subject, groups, expires_at)"
        " select sha256(convert_to(n::text, 'UTF8')), 'x', '{}', %s - n * interval '1 us'"
        "   from generate_series(0, 103) as n",
        [NOON],
    )
    sign_in(noon, "first", key_id, HOUR)
    left = "select expires_at from kronos.sign_ins where key_id is null order by 1"
    assert values(noon, left) == [NOON - nth * MOMENT for nth in (3, 2, 1, 0)]
    sign_in(noon, "second", key_id, HOUR)
    assert values(noon, left) == [NOON]  # one that ends at this moment is left


def test_the_doctor_is_told_of_keys_that_end_soon_or_were_seen_in_a_url(
    noon: Connection, workspace_id: uuid.UUID
) -> None:
    """Each at the edge of its time, and a microsecond beside it."""
    noon.execute("delete from kronos.api_keys")
    day = timedelta(days=1)
    for public_id, of_instance, columns in (
        ("lasts", True, {"expires_at": NOON + 14 * day + MOMENT}),
        ("lasts-no-fortnight", True, {"expires_at": NOON + 14 * day}),
        ("forever", True, {"burnt_at": NOON}),
        ("over", True, {"expires_at": NOON, "burnt_at": NOON, "last_used_at": NOON}),
        ("revoked", True, {"revoked_at": NOON, "burnt_at": NOON}),
        ("burnt", False, {"burnt_at": NOON - day}),
        ("ends", False, {"expires_at": NOON + 7 * day - MOMENT, "last_used_at": NOON - 30 * day + MOMENT}),
        ("ends-now", False, {"expires_at": NOON + MOMENT, "last_used_at": NOON}),
        ("ends-later", False, {"expires_at": NOON + 7 * day, "last_used_at": NOON}),
        ("ends-unused", False, {"expires_at": NOON + day, "last_used_at": NOON - 30 * day}),
        ("ends-never-used", False, {"expires_at": NOON + day}),
    ):
        add(noon, None if of_instance else workspace_id, public_id, **columns)
    (row,) = records(noon, "select * from kronos.signs_of_keys()")
    assert (row["administrators"], row["lasting"]) == (3, 2)
    assert row["burnt"] == ["burnt", "forever"]  # the first seen first
    assert row["ending"] == ["ends-now on 2026-11-29", "ends on 2026-12-06"]


def test_the_doctor_is_told_of_a_day_of_which_nine_tenths_are_used(noon: Connection) -> None:
    used_of = {
        "full": (9, 10),
        "nearly": (90, 100),
        "not-yet": (89, 100),
        "none": (0, 0),
        "over": (12, 10),
        "gone": (9, 9),
    }
    for slug, (used, most) in used_of.items():
        workspace_id = add_workspace(noon, slug=f"day-{slug}")
        noon.execute("update kronos.workspaces set max_executions_per_day = %s where workspace_id = %s",
                     [most, workspace_id])  # fmt: skip
        noon.execute("update kronos.quota_shards set used = %s where workspace_id = %s and shard = 0",
                     [used, workspace_id])  # fmt: skip
    end_workspace(noon, value(noon, "select workspace_id from kronos.workspaces where slug = 'day-gone'"), "DELETED")
    told = "select nearly_full from kronos.signs_of_keys()"
    assert value(noon, told) == ["day-full (9 of 10)", "day-nearly (90 of 100)", "day-over (12 of 10)"]
    noon.execute("update kronos.quota_shards set day = day - 1")
    assert value(noon, told) == []
