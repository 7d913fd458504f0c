"""A connection is only used if the server shows the role and the settings that were asked for. The server's answers are
the test's; tests/session has the same with a real one.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from kronos import errors, server_time, session, timelines
from reported import reported

_NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
_OURS = ("kronos_api", "ada", "main", 7, False, "UTF8", "origin", _NOW, False)
"""Role, login, database, the session's process, whether it is mighty, encoding, replication role, time, standby."""
_POOLED = (
    ". Does a pooler give each transaction another session? Kronos needs one session per connection: set pool_mode = "
    "session (pgbouncer), or connect directly to PostgreSQL"
)


class Server:
    """Stands for a connection: each statement gets its answer by a word in it, or fails with it."""

    def __init__(self, *, user: str = "ada", **answers: Sequence[object] | psycopg.Error) -> None:
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.info = SimpleNamespace(backend_pid=7, host="db", port=5432, user=user)
        self._answers = {
            "pg_control_system": [(1, 1)],
            "'role'": [("kronos_api",)],
            "select set_config(wanted.name": [("on",)],
            "pg_backend_pid": [_OURS],
            "select exists": [(False,)],
            **{_WORDS[name]: answer for name, answer in answers.items()},
        }

    async def execute(self, statement: str | bytes, params: Mapping[str, Any] | None = None, **_: object) -> Any:
        text = statement if isinstance(statement, str) else statement.decode()
        self.asked.append((text, params or {}))
        (answer,) = (found for word, found in self._answers.items() if word in text)
        if isinstance(answer, psycopg.Error):
            raise answer

        async def fetchall() -> Sequence[object]:
            return answer

        async def fetchone() -> object:
            return answer[0]

        return SimpleNamespace(fetchall=fetchall, fetchone=fetchone)


_WORDS = {
    "timeline": "pg_control_system",
    "role": "'role'",
    "sets": "select set_config(wanted.name",
    "shows": "pg_backend_pid",
    "differs": "select exists",
    "different": "setting.source",
}


@pytest.fixture(autouse=True)
def _no_memory() -> Iterator[None]:
    timelines.SEEN.forget()
    yield
    timelines.SEEN.forget()


def _shown(**changes: object) -> list[tuple[object, ...]]:
    names = ("user", "login", "database", "pid", "is_mighty", "encoding", "replication", "at", "is_standby")
    return [tuple({**dict(zip(names, _OURS, strict=True)), **changes}.values())]


async def _prove(server: Server, role: session.Role | None = "kronos_api") -> None:
    await session.prove(server, session.wanted(role), dsn="")  # type: ignore[arg-type]  # what it uses of one


async def test_a_session_that_shows_what_was_asked_is_used() -> None:
    server = Server()
    await _prove(server)
    texts = [text for text, _ in server.asked]
    assert ["'role'" in texts[1], "set_config" in texts[2], "current_user" in texts[3]] == [True] * 3
    assert "select exists" in texts[4], "the settings are read after the statements that set them have ended"
    assert server.asked[1][1] == {"role": "kronos_api"}
    asked = dict(zip(server.asked[2][1]["names"], server.asked[2][1]["values"], strict=True))
    assert asked == session.wanted("kronos_api").settings
    assert server.asked[4][1] == server.asked[2][1], "what is read back is what was set"


async def test_without_a_role_the_login_acts_and_may_be_a_superuser() -> None:
    server = Server(shows=_shown(user="postgres", is_mighty=True))
    await _prove(server, None)
    assert not any("'role'" in text for text, _ in server.asked)


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        ({"user": "ada"}, f"in database main the connection of ada acts as ada, not as kronos_api{_POOLED}"),
        ({"user": "kronos_worker"},
         f"in database main the connection of ada acts as kronos_worker, not as kronos_api{_POOLED}"),
        ({"is_mighty": True},
         "kronos_api bypasses row level security, which isolates workspaces: alter role kronos_api nosuperuser "
         "nobypassrls"),
        ({"encoding": "LATIN1"},
         "database main is encoded in LATIN1; Kronos needs one that was made with encoding 'UTF8'"),
        ({"encoding": "SQL_ASCII"},
         "database main is encoded in SQL_ASCII; Kronos needs one that was made with encoding 'UTF8'"),
        ({"replication": "replica"},
         "session_replication_role is replica for ada in database main, so no trigger or foreign key is enforced: "
         "alter database main reset session_replication_role, or alter role ada reset session_replication_role"),
    ],
)  # fmt: skip
async def test_a_session_that_is_another_one_is_refused_with_what_to_do(shown: dict[str, object], why: str) -> None:
    server = Server(shows=_shown(**shown))
    with pytest.raises(errors.SessionRefused) as refused:
        await _prove(server)
    assert refused.value.detail == why
    assert "select exists" not in server.asked[-1][0], "nothing further is asked"


async def test_settings_that_do_not_hold_are_all_named_with_where_they_come_from() -> None:
    different = [("TimeZone", "UTC", "Asia/Kolkata", "role"), ("jit", "off", "on", "session")]
    server = Server(differs=[(True,)], different=different)
    with pytest.raises(errors.SessionRefused) as refused:
        await _prove(server)
    assert refused.value.detail == (
        "settings of this session of ada in database main do not keep their values: TimeZone is 'Asia/Kolkata', not "
        f"'UTC' (from: role); jit is 'on', not 'off' (from: session){_POOLED}"
    )


@pytest.mark.parametrize(
    ("user", "role", "error", "why"),
    [
        ("ada", "kronos_api", ("22023", 'role "kronos_api" does not exist'),
         'role "kronos_api" does not exist: run `kronos migrate` with an administrator\'s KRONOS_DATABASE_URL'),
        ("ada", "kronos_api", ("42501", "permission denied to set role"),
         "user ada may not act as kronos_api: let an administrator run: grant kronos_api to ada"),
        ("kronos_worker", "kronos_api", ("42501", "permission denied to set role"),
         "user kronos_worker may not act as kronos_api: use the login of kronos_api in KRONOS_DATABASE_URL"),
        ("kronos_api", "kronos_worker", ("42501", "permission denied to set role"),
         "user kronos_api may not act as kronos_worker: use the login of kronos_worker in KRONOS_DATABASE_URL"),
        ("ada", "kronos_api", ("22023", "invalid value for parameter"), None),
        ("ada", "kronos_api", ("57014", "canceling statement"), None),
    ],
)  # fmt: skip
async def test_a_role_that_the_login_may_not_have_is_named_with_what_to_grant(
    user: str, role: session.Role, error: tuple[str, str], why: str | None
) -> None:
    met = reported(*error)
    with pytest.raises((errors.SessionRefused, psycopg.Error)) as refused:
        await _prove(Server(user=user, role=met), role)
    if why is None:
        assert refused.value is met
    else:
        assert isinstance(refused.value, errors.SessionRefused)
        assert (refused.value.detail, refused.value.__cause__) == (why, met)


async def test_a_missing_right_without_a_role_to_take_is_postgresqls_own_error() -> None:
    met = reported("42501", "permission denied")
    with pytest.raises(psycopg.Error) as refused:
        await _prove(Server(sets=met), None)
    assert refused.value is met


async def test_the_clock_is_taken_from_a_primary_only(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[datetime] = []
    monkeypatch.setattr(server_time, "CLOCK", SimpleNamespace(note=lambda at, *_: noted.append(at)))
    await _prove(Server(shows=_shown(is_standby=True)))
    assert noted == []
    await _prove(Server())
    assert noted == [_NOW]


async def test_a_server_that_a_failover_left_behind_is_not_used() -> None:
    await _prove(Server(timeline=[(1, 5)]))
    await _prove(Server(timeline=[(1, None)]))
    await _prove(Server(timeline=[(2, 1)]))
    left_behind = Server(timeline=[(1, 4)])
    with pytest.raises(errors.Unconnected, match="a primary that a failover left behind"):
        await _prove(left_behind)
    assert len(left_behind.asked) == 1, "no statement is sent to it"
    await _prove(Server(timeline=[(1, 5)]))


async def test_a_server_that_does_not_report_its_timeline_is_used_unless_the_connection_ended() -> None:
    await _prove(Server(timeline=[(None, None)]))
    await _prove(Server(timeline=reported("42501", "permission denied for function pg_control_system")))
    for ended in (psycopg.OperationalError("gone"), reported("57P01", "terminating connection")):
        with pytest.raises(psycopg.Error) as met:
            await _prove(Server(timeline=ended))
        assert met.value is ended


@pytest.mark.parametrize(
    ("length", "shown"),
    [
        (timedelta(0), "0"),
        (timedelta(microseconds=499), "0"),
        (timedelta(microseconds=501), "1ms"),
        (timedelta(milliseconds=1), "1ms"),
        (timedelta(milliseconds=1500), "1500ms"),
        (timedelta(seconds=1), "1s"),
        (timedelta(seconds=90), "90s"),
        (timedelta(seconds=60), "1min"),
        (timedelta(minutes=90), "90min"),
        (timedelta(hours=1), "1h"),
        (timedelta(hours=25), "25h"),
        (timedelta(days=2), "2d"),
    ],
)
def test_a_limit_is_written_as_postgresql_shows_it(length: timedelta, shown: str) -> None:
    """Because what it shows is compared with what was asked for."""
    asked = session.wanted(None, statement_timeout=length, lock_timeout=timedelta(seconds=2))
    assert (asked.settings["statement_timeout"], asked.settings["lock_timeout"]) == (shown, "2s")
    assert asked.settings["idle_in_transaction_session_timeout"] == "0"


def test_a_setting_that_is_asked_for_replaces_the_usual_one() -> None:
    asked = session.wanted("kronos_worker", jit="on", work_mem="64MB")
    assert (asked.role, asked.settings["jit"], asked.settings["work_mem"]) == ("kronos_worker", "on", "64MB")
    assert session.wanted("kronos_worker").settings["jit"] == "off"


@pytest.mark.parametrize(
    ("url", "is_replica", "attributes"),
    [
        ("postgresql://a@h/d", False, None),
        ("postgresql://a@h/d", True, None),
        ("postgresql://a@h,g/d", False, "read-write"),
        ("postgresql://a@h,g/d", True, "prefer-standby"),
        ("postgresql://a@h,g/d?target_session_attrs=any", False, "any"),
        ("postgresql://a@h,g/d?target_session_attrs=standby", True, "standby"),
    ],
)
def test_of_several_servers_one_of_the_kind_that_is_needed_is_chosen(
    url: str, is_replica: bool, attributes: str | None
) -> None:
    assert conninfo_to_dict(session.conninfo(url, is_replica=is_replica)).get("target_session_attrs") == attributes


def test_a_connection_notices_within_seconds_that_the_other_end_is_gone() -> None:
    options = conninfo_to_dict(session.conninfo("postgresql://a@h/d?connect_timeout=99&application_name=mine", port=6))
    assert {name: str(options[name]) for name in options if name not in ("user", "host", "dbname")} == {
        "application_name": "kronos",
        "client_encoding": "UTF8",
        "connect_timeout": "3",
        "keepalives_idle": "2",
        "keepalives_interval": "1",
        "keepalives_count": "2",
        "tcp_user_timeout": "3000",
        "port": "6",
    }


@pytest.mark.parametrize(("hosts", "seconds"), [("h", 5), ("h,g", 8), ("h,g,f", 11)])
def test_a_connection_may_take_as_long_as_all_its_servers_and_the_proof(hosts: str, seconds: float) -> None:
    assert session.connect_seconds(f"postgresql://a@{hosts}/d") == seconds


def test_once_an_old_primary_was_seen_the_first_server_is_not_always_the_first_one() -> None:
    dsn = session.conninfo("postgresql://a@h,g/d")
    assert "load_balance_hosts" not in conninfo_to_dict(session.spread(dsn))
    timelines.SEEN.is_wary = True
    assert conninfo_to_dict(session.spread(dsn))["load_balance_hosts"] == "random"
