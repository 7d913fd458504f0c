"""What a ping reports, however it is sent, and who is kept from pinging without a query."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from kronos import beats, errors
from kronos.api import pings
from kronos.api.call import Call
from kronos.api.pingers import Pings
from kronos.beats import HeartbeatNotFound, Ping, PingTaken
from kronos.database import WorkspaceView
from kronos.writes import Writes

TOKEN = "hb_" + "t" * 32
TAKEN = PingTaken(outcome="TAKEN", retry_after_seconds=None)


class Door:
    """An API process at a time that the test sets, and the pings that it took."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pings = Pings()
        self.now = 1000.0
        self.taken: list[tuple[str, Ping]] = []
        self.answer: PingTaken | Exception = TAKEN
        monkeypatch.setattr("kronos.api.pingers.time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(beats, "take", self._take)

    async def _take(self, view: WorkspaceView, token: str, ping: Ping) -> PingTaken:
        self.taken.append((token, ping))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def ping(
        self, signal: str = "", *, body: bytes = b"", query: bytes = b"", method: str = "GET", token: str = TOKEN,
        host: str = "192.0.2.1", agent: str | None = None, is_head: bool = False,
    ) -> str:  # fmt: skip
        """Send a ping and return its outcome."""
        headers = [] if agent is None else [(b"user-agent", agent.encode("latin-1"))]
        context = SimpleNamespace(pings=self.pings, pool=None)
        scope = {
            "type": "http", "method": method, "path": "/ping", "query_string": query, "headers": headers,
            "client": (host, 1) if host else None, "kronos.writes": Writes(), "kronos.is_head": is_head,
            "app": SimpleNamespace(state=SimpleNamespace(context=context)),
        }  # fmt: skip

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": body, "more_body": False}

        call = Call(scope, cast(Any, receive))
        routes = {
            ("GET", False): lambda: pings.get_ping(call, token),
            ("POST", False): lambda: pings.post_ping(call, token),
            ("GET", True): lambda: pings.get_ping_signal(call, token, signal),
            ("POST", True): lambda: pings.post_ping_signal(call, token, signal),
        }
        answer = await routes[method, bool(signal)]()
        outcome: str = orjson.loads(answer.body)["outcome"]
        return outcome

    async def reported(self, *given: str, **more: Any) -> Ping:
        """Send a ping and return what it reports."""
        assert await self.ping(*given, **more) == "TAKEN"
        token, ping = self.taken[-1]
        assert token == more.get("token", TOKEN)
        return ping


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    return Door(monkeypatch)


PLAIN = Ping(
    kind="SUCCESS", exit_code=None, run_id=None, duration_ms=None, log=None, is_log_cut=False, method="GET",
    address="192.0.2.1", agent=None,
)  # fmt: skip


async def test_a_ping_without_anything_reports_success(door: Door) -> None:
    assert await door.reported() == PLAIN
    assert await door.reported(method="POST", body=b"done") == replace(PLAIN, method="POST", log="done")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("signal", "kind", "exit_code"),
    [
        ("start", "START", None), ("fail", "FAIL", None), ("log", "LOG", None), ("0", "SUCCESS", 0), ("1", "FAIL", 1),
        ("255", "FAIL", 255), ("00", "SUCCESS", 0), ("007", "FAIL", 7),
    ],
)  # fmt: skip
async def test_a_signal_is_a_word_or_an_exit_code(
    door: Door, method: str, signal: str, kind: str, exit_code: int | None
) -> None:
    ping = await door.reported(signal, method=method)
    assert (ping.kind, ping.exit_code, ping.method) == (kind, exit_code, method)


@pytest.mark.parametrize("signal", ["256", "999", "-1", "1.0", "0001", "Start", "success", "x" * 99, "\u0661", "1 "])
async def test_no_other_word_is_a_signal(door: Door, signal: str) -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        await door.ping(signal)
    assert caught.value.detail == f"{signal[:40]!r} is not a ping signal"
    assert door.taken == []
    assert await door.ping() == "TAKEN", "a mistake is no guess of a token"


@pytest.mark.parametrize(
    ("query", "run_id", "duration_ms"),
    [
        (b"", None, None), (b"rid=a.B_c:1-2", "a.B_c:1-2", None), (b"rid=" + b"x" * 64, "x" * 64, None),
        (b"duration_ms=0", None, 0), (b"duration_ms=31536000000&rid=1", "1", 31_536_000_000), (b"other=1", None, None),
    ],
)  # fmt: skip
async def test_a_run_has_an_id_and_a_duration(
    door: Door, query: bytes, run_id: str | None, duration_ms: int | None
) -> None:
    ping = await door.reported(query=query)
    assert (ping.run_id, ping.duration_ms) == (run_id, duration_ms)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        (b"rid=", "/rid"), (b"rid=" + b"x" * 65, "/rid"), (b"rid=a%20b", "/rid"), (b"rid=%C3%A9", "/rid"),
        (b"duration_ms=", "/duration_ms"), (b"duration_ms=-1", "/duration_ms"), (b"duration_ms=1.5", "/duration_ms"),
        (b"duration_ms=31536000001", "/duration_ms"), (b"duration_ms=" + b"9" * 12, "/duration_ms"),
        (b"duration_ms=%D9%A1", "/duration_ms"),
    ],
)  # fmt: skip
async def test_what_is_neither_is_named(door: Door, query: bytes, pointer: str) -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        await door.ping(query=query)
    assert ([fault.pointer for fault in caught.value.faults], door.taken) == ([pointer], [])


@pytest.mark.parametrize(
    ("body", "log", "is_cut"),
    [
        (b"", None, False),
        (b"done", "done", False),
        (b"x" * 10_000, "x" * 10_000, False),
        (b"a" + b"x" * 10_000, "x" * 10_000, True),
        ("é".encode() * 5_001, "é" * 5_000, True),
        (b"\xff", "\ufffd", False),
        (b"a\0b", "a\ufffdb", False),
        (b"\xff" * 4_000, "\ufffd" * 3_333, True),
        (f"curl https://k.example/ping/{TOKEN}/fail".encode(), "curl https://k.example/ping/hb_***/fail", False),
        (TOKEN.encode() + b"x" * 9_990, f"{'hb_***'}", True),
        (b"y" * 9_990 + b" " + TOKEN.encode(), None, True),
    ],
)  # fmt: skip
async def test_a_log_is_the_end_of_the_output_without_the_ping_url(
    door: Door, body: bytes, log: str | None, is_cut: bool
) -> None:
    ping = await door.reported("log", method="POST", body=body)
    assert ping.is_log_cut is is_cut
    assert TOKEN[:12] not in (ping.log or "")
    if log is not None or body == b"":
        assert ping.log == log
    else:
        assert (ping.log or "").endswith(" hb_***")


async def test_who_pings_is_kept_in_part_and_without_a_token(door: Door) -> None:
    ping = await door.reported(agent=f"curl/8 {TOKEN} {'x' * 300}")
    assert ping.agent == f"curl/8 hb_*** {'x' * 186}"
    assert (await door.reported(agent="")).agent is None
    assert (await door.reported(host="")).address is None
    assert (await door.reported(is_head=True)).method == "HEAD"


@pytest.mark.parametrize("outcome", ["TAKEN", "REPEATED", "PAUSED"])
async def test_the_outcome_is_answered(door: Door, outcome: Any) -> None:
    door.answer = PingTaken(outcome=outcome, retry_after_seconds=None)
    assert await door.ping() == outcome


UNKNOWN = PingTaken(outcome=None, retry_after_seconds=None)


@pytest.mark.parametrize("token", ["", "hb_short", "x" * 35, TOKEN + "!", f"{TOKEN}\n"])
async def test_what_cannot_be_a_token_is_unknown_without_a_query(door: Door, token: str) -> None:
    with pytest.raises(HeartbeatNotFound, match="no heartbeat has this ping URL"):
        await door.ping(token=token)
    assert door.taken == []


async def test_an_address_that_guesses_is_slowed_down_and_who_has_a_url_is_not(door: Door) -> None:
    assert await door.ping() == "TAKEN"
    for _ in range(20):
        with pytest.raises(HeartbeatNotFound):
            await door.ping(token="hb_wrong")
    with pytest.raises(errors.RateLimited) as caught:
        await door.ping(token="hb_" + "u" * 32)
    assert (caught.value.retry_after_seconds, caught.value.detail) == (
        3, "too many requests with unknown ping URLs from this address; retry in 3 s",
    )  # fmt: skip
    assert await door.ping() == "TAKEN"
    door.now += 3.0
    door.answer = UNKNOWN
    with pytest.raises(HeartbeatNotFound):
        await door.ping(token="hb_" + "u" * 32)
    with pytest.raises(errors.RateLimited):
        await door.ping(token="hb_" + "v" * 32)


async def test_a_url_that_was_rotated_or_deleted_is_a_guess_like_any_other(door: Door) -> None:
    assert await door.ping() == "TAKEN"
    door.answer = UNKNOWN
    for _ in range(20):
        with pytest.raises(HeartbeatNotFound):
            await door.ping()
    with pytest.raises(errors.RateLimited):
        await door.ping()


async def test_an_answer_that_is_not_known_is_no_guess(door: Door) -> None:
    door.answer = errors.DatabaseUnavailable("away")
    for _ in range(50):
        with pytest.raises(errors.DatabaseUnavailable):
            await door.ping()
    door.answer = TAKEN
    assert await door.ping() == "TAKEN"


@pytest.mark.parametrize(("seconds", "waits"), [(42, 42), (None, 1)])
async def test_a_heartbeat_over_its_limit_is_refused_without_a_query_until_it_resets(
    door: Door, seconds: int | None, waits: int
) -> None:
    door.answer = PingTaken(outcome="RATE_LIMITED", retry_after_seconds=seconds)
    with pytest.raises(errors.RateLimited) as caught:
        await door.ping()
    assert caught.value.retry_after_seconds == waits
    asked, door.answer = len(door.taken), TAKEN
    door.now += waits - 0.5
    with pytest.raises(errors.RateLimited) as caught:
        await door.ping()
    assert (caught.value.retry_after_seconds, len(door.taken)) == (1, asked)
    assert caught.value.detail == (
        "this heartbeat sent sixty pings within a minute; this ping was not stored; retry in 1 s"
    )
    assert await door.ping(token="hb_" + "o" * 32) == "TAKEN", "another one goes on"
    door.now += 0.5
    assert await door.ping() == "TAKEN"
