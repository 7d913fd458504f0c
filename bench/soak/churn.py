"""User actions during the soak: create, change, pause, trigger, backfill and cancel jobs; suspend and resume
workspaces."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import aiohttp

from bench.soak.receiver import Receiver
from kronos.model import JsonObject

CRONS = ("* * * * *", "*/2 * * * *", "*/5 * * * *", "1-59/3 * * * *", "*/10 8-20 * * *", "0 * * * *")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Auckland")
_AT_ONCE = 8
_PASSING = {429, 503, 408}
_RACED = {404, 409, 412}
Act = Callable[["Churn", str, random.Random], Awaitable[None]]


class Churn:
    """Users of several workspaces. Responses that no disruption explains are kept in `unexplained`."""

    def __init__(
        self, url: str, key: str, receiver: Receiver, *, workspaces: int, jobs: int, later_seconds: int, seed: int
    ) -> None:
        self._url = f"{url}/v1/workspaces"
        self._key = key
        self._receiver = receiver
        self._jobs = jobs
        self.later_seconds = later_seconds
        self._chance = random.Random(seed)
        self._session: aiohttp.ClientSession | None = None
        self._made = 0
        self.workspaces = [f"soak-{number}" for number in range(workspaces)]
        self.names: dict[str, list[str]] = {slug: [] for slug in self.workspaces}
        self.answers: Counter[str] = Counter()
        self.unexplained: list[str] = []
        self.away = 0

    async def ask(self, method: str, path: str, body: JsonObject | None = None) -> JsonObject | None:
        """Return the response; None if there is none, or it is an error."""
        if self._session is None:
            raise RuntimeError("outside of `run`")
        try:
            async with self._session.request(method, f"{self._url}{path}", json=body) as answer:
                self.answers[f"{method} {answer.status}"] += 1
                if answer.ok:
                    found: JsonObject = await answer.json() if answer.status != 204 else {}
                    return found
                if answer.status not in _PASSING | _RACED:
                    self.unexplained.append(f"{method} {path} {answer.status} {(await answer.text())[:300]}")
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            self.away += 1  # the API was killed, or PostgreSQL is unavailable
        return None

    async def must(self, method: str, path: str, body: JsonObject | None = None) -> JsonObject:
        """Like `ask`, but retry until it succeeds: for requests that everything depends on."""
        for _ in range(60):
            if (answer := await self.ask(method, path, body)) is not None:
                return answer
            if self.unexplained:
                break
            await asyncio.sleep(1)  # the API returned 503: retry later
        raise RuntimeError(f"{method} {path} was never done: {self.unexplained[-1:]}")

    async def prepare(self) -> None:
        """Create the workspaces, their endpoints and their jobs."""
        for slug in self.workspaces:
            await self.must("POST", "", {"slug": slug})
            for name in ("always", "sometimes"):
                retry: JsonObject = {"max_attempts": 6, "initial_delay_ms": 200}
                spec: JsonObject = {"url": self._receiver.url(name), "timeout_ms": 5000}
                endpoint: JsonObject = {"name": name, "type": "HTTP", "spec": spec, "retry_policy": retry}
                await self.must("POST", f"/{slug}/endpoints", endpoint)
            jobs = [self._terms(number) for number in range(self._jobs)]
            await self.must("POST", f"/{slug}/jobs:batch", {"jobs": list(jobs)})
            self.names[slug] = [str(each["name"]) for each in jobs]

    async def run(self, until: asyncio.Event, pause_seconds: float) -> None:
        """Run until the event is set; each user pauses this long between two actions."""

        async def user(chance: random.Random) -> None:
            while not until.is_set():
                act = chance.choices(list(_ACTS), list(_ACTS.values()))[0]
                await act(self, chance.choice(self.workspaces), chance)
                await asyncio.sleep(pause_seconds)  # a user's pace

        users = [user(random.Random(self._chance.random())) for _ in range(_AT_ONCE)]
        await asyncio.gather(*users)

    async def stop(self) -> None:
        """Resume every workspace and pause every job, so that nothing new becomes due."""
        for slug in self.workspaces:
            await self.must("PATCH", f"/{slug}", {"status": "ACTIVE"})
            begun = await self.must("POST", f"/{slug}/operations", {"action": "pause", "filter": {}, "note": "over"})
            path, status = f"/{slug}/operations/{begun['operation_id']}", "RUNNING"
            while status == "RUNNING":
                await asyncio.sleep(0.5)
                status = str((await self.must("GET", path))["status"])

    async def connected(self, act: Callable[[], Awaitable[None]]) -> None:
        """Run a function with an HTTP session."""
        headers = {"Authorization": f"Bearer {self._key}"}
        timeout = aiohttp.ClientTimeout(total=30)
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as self._session:
            await act()

    def _terms(self, number: int) -> JsonObject:
        chance, self._made = self._chance, self._made + 1
        terms: JsonObject = {
            "name": f"{'every' if number % 10 == 0 else 'cron'}-{self._made}",
            "endpoint": "sometimes" if number % 3 == 0 else "always",
            "trigger": "CRON",
            "timezone": chance.choice(ZONES),
            "catch_up": {"policy": chance.choice(["SKIP", "LATEST", "ALL"]), "window_seconds": 600},
            "overlap": chance.choice(["ALLOW", "SKIP", "QUEUE"]),
            "tags": [f"tag-{number % 5}"],
        }
        return terms | (
            {"every": "7m", "timezone": "UTC"} if number % 10 == 0 else {"cron": CRONS[number % len(CRONS)]}
        )


def _job(churn: Churn, slug: str, chance: random.Random) -> str:
    return f"/{slug}/jobs/{chance.choice(churn.names[slug])}"


async def _patch(churn: Churn, slug: str, chance: random.Random) -> None:
    changes: list[JsonObject] = [
        {"input": {"n": chance.randrange(1000)}},
        {"cron": chance.choice(CRONS)},
        {"timezone": chance.choice(ZONES)},
        {"priority": chance.randrange(-5, 6)},
    ]
    job = _job(churn, slug, chance)
    if "/every-" in job:  # an interval is not an expression, and has no zone
        changes = [each for each in changes if not each.keys() & {"cron", "timezone"}]
    await churn.ask("PATCH", job, chance.choice(changes))


async def _pause(churn: Churn, slug: str, chance: random.Random) -> None:
    await churn.ask("POST", f"{_job(churn, slug, chance)}/pause", {"note": "soak"})


async def _resume(churn: Churn, slug: str, chance: random.Random) -> None:
    await churn.ask("POST", f"{_job(churn, slug, chance)}/resume", {})


async def _trigger(churn: Churn, slug: str, chance: random.Random) -> None:
    await churn.ask("POST", f"{_job(churn, slug, chance)}/trigger", {})


async def _skip(churn: Churn, slug: str, chance: random.Random) -> None:
    await churn.ask("POST", f"{_job(churn, slug, chance)}/skip-next", {"count": 1})


async def _replace(churn: Churn, slug: str, chance: random.Random) -> None:
    """Cancel a job and create another."""
    gone = chance.choice(churn.names[slug])
    if await churn.ask("DELETE", f"/{slug}/jobs/{gone}") is None:
        return
    terms = churn._terms(chance.randrange(100))
    if await churn.ask("POST", f"/{slug}/jobs", terms) is not None:
        churn.names[slug] = [str(terms["name"]) if each == gone else each for each in churn.names[slug]]


async def _one_shot(churn: Churn, slug: str, chance: random.Random) -> None:
    body: JsonObject = {"endpoint": chance.choice(["always", "sometimes"]), "trigger": "IMMEDIATE"}
    if chance.random() < 0.3:
        at = datetime.now(UTC) + timedelta(seconds=chance.randrange(1, churn.later_seconds))
        body |= {"trigger": "DELAYED", "run_at": at.isoformat()}
    await churn.ask("POST", f"/{slug}/jobs", body)


async def _read(churn: Churn, slug: str, chance: random.Random) -> None:
    job = _job(churn, slug, chance)
    for path in (f"/{slug}/jobs", f"/{slug}/executions", f"{job}/ticks", f"{job}/status", f"/{slug}/dead-letters"):
        await churn.ask("GET", path)


async def _suspend(churn: Churn, slug: str, chance: random.Random) -> None:
    """Suspend a workspace for a moment."""
    if await churn.ask("PATCH", f"/{slug}", {"status": "SUSPENDED"}) is not None:
        await asyncio.sleep(chance.random() * 5)  # it stays suspended this long
        await churn.must("PATCH", f"/{slug}", {"status": "ACTIVE"})


async def _redrive(churn: Churn, slug: str, _chance: random.Random) -> None:
    await churn.ask("POST", f"/{slug}/dead-letters/redrive", {})


_ACTS: dict[Act, float] = {
    _patch: 20, _pause: 8, _resume: 16, _trigger: 10, _skip: 4, _replace: 8, _one_shot: 20, _read: 10, _suspend: 0.5,
    _redrive: 0.5,
}  # fmt: skip
