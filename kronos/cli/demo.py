"""The demo of `kronos up --demo`: a receiver, three jobs that call it, and each delivery as it arrives.

Runs as a separate process, and uses the API over HTTP like any client. A second run in the same home folder finds the
workspace, endpoint and jobs by name, and continues with them.
"""

import asyncio
import contextlib
import json
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
from aiohttp import web
from rich.console import Console
from rich.live import Live
from rich.text import Text

from kronos import listening
from kronos.embedded import ports, running
from kronos.embedded.home import Home, write_private
from kronos.embedded.running import Running
from kronos.model import Json

WORKSPACE = "demo"
ENDPOINT = "demo-receiver"
CRON_JOB = "every-minute"
_RETRY_SECONDS = 2.0


class DemoApi:
    """The HTTP API, with the administrator's key."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        """`session` has the address and the key."""
        self._session = session

    async def get(self, path: str) -> Json | None:
        """Return the resource; None for 404."""
        async with self._session.get(path) as response:
            return None if response.status == 404 else await _answer(response)

    async def send(self, method: str, path: str, body: Json) -> Json:
        """Create or replace a resource. Raises aiohttp.ClientResponseError with the API's message."""
        async with self._session.request(method, path, json=body) as response:
            return await _answer(response)


class Demo:
    """The demo's jobs, and their deliveries so far."""

    def __init__(self, api: DemoApi, console: Console) -> None:
        """Creates nothing yet; see `set_up`."""
        self._api = api
        self._console = console
        self._names: dict[str, str] = {}
        self._next_tick: datetime | None = None

    async def set_up(self, receiver_url: str) -> None:
        """Create what is missing: workspace, endpoint, and one job of each kind."""
        if await self._api.get(f"/v1/workspaces/{WORKSPACE}") is None:
            await self._api.send("POST", "/v1/workspaces", {"slug": WORKSPACE, "name": "Demo"})
        await self._set_up_endpoint(receiver_url)
        now = datetime.now(UTC)
        wanted: list[tuple[str, str, Json]] = [
            ("right-away", "IMMEDIATE, delivered immediately", {"trigger": "IMMEDIATE"}),
            (
                "in-ten-seconds",
                "DELAYED, delivered 10 s from now",
                {"trigger": "DELAYED", "run_at": (now + timedelta(seconds=10)).isoformat()},
            ),
            (CRON_JOB, "CRON, '* * * * *'", {"trigger": "CRON", "cron": "* * * * *", "timezone": "UTC"}),
        ]
        for name, what, body in wanted:
            found = await self._find_job(name)
            job = found or await self._api.send(
                "POST", _JOBS, {"name": name, "endpoint": ENDPOINT, "input": {"from": name}, **body}
            )
            self._names[job["job_id"]] = name
            self._console.print(_job_line(name, what, job, is_new=found is None), highlight=False, soft_wrap=True)
        self._console.print()

    async def receive(self, request: web.Request) -> web.Response:
        """Show a delivery, and respond to it."""
        arrived_at = datetime.now(UTC)
        await request.read()
        name = await self._name_of(request.headers.get("Kronos-Job-Id", ""))
        tick = _time(request.headers.get("Kronos-Scheduled-At"))
        attempt = request.headers.get("Kronos-Attempt", "?")
        fired_at = None
        if name == CRON_JOB:
            fired_at = await self._fired_at(request.headers.get("Kronos-Execution-Id", ""))
        self._console.print(_delivery_line(arrived_at, name, tick, attempt, fired_at), highlight=False, soft_wrap=True)
        return web.json_response({"received": name})

    async def count_down(self) -> None:
        """Show the time left until the next tick below the deliveries, forever."""
        with Live(console=self._console, refresh_per_second=4, transient=True) as live:
            while True:
                now = datetime.now(UTC)
                if self._next_tick is None or self._next_tick <= now:
                    await self._ask_next_tick()
                left = (self._next_tick - now).total_seconds() if self._next_tick else 0.0
                live.update(Text(f"next tick of {CRON_JOB} in {max(0, round(left))} s", style="dim"))
                await asyncio.sleep(0.25)

    async def _set_up_endpoint(self, receiver_url: str) -> None:
        spec: Json = {"url": receiver_url, "method": "POST"}
        body: Json = {"name": ENDPOINT, "type": "HTTP", "spec": spec}
        endpoints = f"/v1/workspaces/{WORKSPACE}/endpoints"
        found = await self._api.get(f"{endpoints}/{ENDPOINT}")
        if found is None:
            await self._api.send("POST", endpoints, body)
        elif found["spec"]["url"] != receiver_url:
            await self._api.send("PUT", f"{endpoints}/{ENDPOINT}", body)

    async def _find_job(self, name: str) -> Json | None:
        """Return the job with this name. Completed one-shots count, cancelled jobs do not."""
        page = await self._api.get(f"{_JOBS}?limit=200&q={name}")
        jobs = page["data"] if page else []
        return next((job for job in jobs if job["name"] == name and job["status"] != "RETIRED"), None)

    async def _name_of(self, job_id: str) -> str:
        """Return the job's name, from the API if the job is new or was changed; its id if the API is unavailable."""
        if job_id not in self._names:
            try:
                job = await self._api.get(f"{_JOBS}/{job_id}")
            except (aiohttp.ClientError, TimeoutError):
                return job_id
            self._names[job_id] = (job and job["name"]) or job_id
        return self._names[job_id]

    async def _ask_next_tick(self) -> None:
        """Get the next tick. While the API restarts, the line shows 0."""
        try:
            job = await self._api.get(f"{_JOBS}/{CRON_JOB}")
        except (aiohttp.ClientError, TimeoutError):
            return
        self._next_tick = _time(job["next_run_at"]) if job else None

    async def _fired_at(self, execution_id: str) -> datetime | None:
        """Return when pg_cron's firing created the execution; None if the API is unavailable."""
        try:
            execution = await self._api.get(f"/v1/workspaces/{WORKSPACE}/executions/{execution_id}")
        except (aiohttp.ClientError, TimeoutError):
            return None
        return _time(execution["created_at"]) if execution else None


_JOBS = f"/v1/workspaces/{WORKSPACE}/jobs"


def main() -> None:
    """Run the demo on the instance in the given home folder."""
    home = Home(Path(sys.argv[1]))
    instance = running.find(home)
    if instance is None:
        sys.exit(f"no `kronos up` is running in {home.path}")
    asyncio.run(_run(home, instance, key=instance.admin_key_file.read_text().strip()))


async def _run(home: Home, instance: Running, *, key: str) -> None:
    """Show deliveries until SIGTERM or SIGINT."""
    console = Console()
    async with aiohttp.ClientSession(
        instance.url, headers={"Authorization": f"Bearer {key}"}, timeout=aiohttp.ClientTimeout(total=10)
    ) as session:
        demo = Demo(DemoApi(session), console)
        receiver = web.Application()
        receiver.router.add_post("/", demo.receive)
        runner = web.AppRunner(receiver, access_log=None)
        await runner.setup()
        try:
            receiver_url = await _listen(runner, home)
            _greet(console, instance, receiver_url)
            await _set_up_patiently(demo, receiver_url, console)
            await _until_stopped(demo if console.is_terminal else None)
        finally:
            await runner.cleanup()


async def _set_up_patiently(demo: Demo, receiver_url: str, console: Console) -> None:
    """Retry until it succeeds: the API may be restarting."""
    while True:
        try:
            return await demo.set_up(receiver_url)
        except (aiohttp.ClientError, TimeoutError) as error:
            console.print(f"retrying in {_RETRY_SECONDS:g} s: {error}", highlight=False, soft_wrap=True)
            await asyncio.sleep(_RETRY_SECONDS)


async def _until_stopped(counting: Demo | None) -> None:
    """Return at SIGTERM or SIGINT. `counting` shows its live line until then, and restores the terminal."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as tasks:
        line = tasks.create_task(counting.count_down()) if counting is not None else None
        await stop.wait()
        if line is not None:
            line.cancel()


async def _listen(runner: web.AppRunner, home: Home) -> str:
    """Start the receiver, on its last port if that is free, so that its endpoint stays the same."""
    remembered = home.path / "demo.json"
    try:
        door = listening.listen("127.0.0.1", int(json.loads(remembered.read_text())["port"]))
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        OverflowError,
    ):  # the file does not exist or was edited, or the port is taken
        door = ports.listener()
    await web.SockSite(runner, door).start()
    port = door.getsockname()[1]
    with contextlib.suppress(OSError):  # on a full disk, the next run uses another port
        write_private(remembered, json.dumps({"port": port}) + "\n")
    return f"http://127.0.0.1:{port}/"


def _greet(console: Console, instance: Running, receiver_url: str) -> None:
    console.print()
    console.print(
        f"dashboard  {instance.url}/w/{WORKSPACE}/jobs/{CRON_JOB}   sign in with the admin key",
        highlight=False,
        soft_wrap=True,
    )
    console.print(f"API        {instance.url}   (OpenAPI at /openapi.json)", highlight=False, soft_wrap=True)
    console.print(f"admin key  {instance.admin_key_file}", highlight=False, soft_wrap=True)
    console.print(
        f"receiver   {receiver_url}   every delivery below is an HTTP request to it", highlight=False, soft_wrap=True
    )
    console.print(
        "Ctrl-C     stops everything; the next start continues where this one ended", highlight=False, soft_wrap=True
    )
    console.print()


def _job_line(name: str, what: str, job: Json, *, is_new: bool) -> Text:
    line = Text(f"{name:<15} {what}")
    entry = job.get("pg_cron")
    if entry:
        line.append(f", pg_cron entry {entry['jobid']}")
    if not is_new:
        line.append(f" (from an earlier run, {job['status']})", style="dim")
    return line


def _delivery_line(
    arrived_at: datetime, name: str, tick: datetime | None, attempt: str, fired_at: datetime | None
) -> Text:
    """Return the line for one delivery: when it arrived, of which job and tick, and how late."""
    line = Text(f"{_clock(arrived_at)}  ", style="dim")
    line.append(f"{name:<15}", style="bold")
    if tick is not None:
        if fired_at is not None:
            line.append(f" fired in PostgreSQL {_after(fired_at, tick)},")
        line.append(f" delivered {_after(arrived_at, tick)} after {_clock(tick)}")
    line.append(f", attempt {attempt}")
    return line


def _after(instant: datetime, tick: datetime) -> str:
    return f"{(instant - tick).total_seconds():.3f} s"


def _clock(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3] + "Z"


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


async def _answer(response: aiohttp.ClientResponse) -> Json:
    """Return the body of a 2xx response. Raises aiohttp.ClientResponseError with the API's message."""
    if not response.ok:
        raise aiohttp.ClientResponseError(
            response.request_info, response.history, status=response.status, message=await response.text()
        )
    body: Json = await response.json()
    return body


if __name__ == "__main__":
    main()
