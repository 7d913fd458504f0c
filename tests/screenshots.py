"""Takes docs/images/*.png for bin/screenshots: the dashboard's pages, from `kronos up --demo`."""

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import httpx
from playwright.sync_api import Browser

from dashboard.browser import chromium
from embedded.conftest import made_home, starting
from embedded.waiting import eventually
from kronos.model import Json

_IMAGES: Final = Path(__file__).parents[1] / "docs/images"
_MOST_BYTES: Final = 100_000
_WIDTH, _HEIGHT = 1280, 720
_FAILURES: Final = 3
_JOBS: Final = (
    ("nightly-report", "30 2 * * *", "Europe/Berlin", ("finance",)),
    ("sync-inventory", "*/5 * * * *", "UTC", ("warehouse",)),
    ("send-digests", "0 9 * * 1-5", "America/New_York", ()),
    ("purge-sessions", "0 * * * *", "UTC", ("nightly",)),
    ("export-ledger", "0 0 1 * *", "Asia/Kolkata", ("finance",)),
    ("rebuild-search", "15 */2 * * *", "Europe/Berlin", ()),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A page, and how its picture is taken."""

    name: str
    path: str
    height: int = _HEIGHT
    is_dark: bool = False
    width: int = _WIDTH


class _Declining(BaseHTTPRequestHandler):
    """A receiver that answers 500."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b'{"error": "the card processor is down"}'
        self.send_response(500)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Workspace:
    """The demo's workspace, over HTTP."""

    def __init__(self, url: str, key: str) -> None:
        self._client = httpx.Client(
            base_url=f"{url}/v1/workspaces/demo", headers={"Authorization": f"Bearer {key}"}, timeout=60
        )

    def get(self, path: str) -> Json:
        """Read a resource."""
        answer = self._client.get(path).raise_for_status()
        found: Json = answer.json()
        return found

    def make(self, path: str, **body: Json) -> None:
        """Create a resource, or do an action."""
        self._client.post(path, json=body).raise_for_status()


def main() -> None:
    """Write the pictures and print their sizes."""
    with _declining() as receiver, made_home() as home, starting(home) as start:
        running = start("--demo")
        running.await_ready(seconds=300)
        key = Path(str(running.told["admin_key_file"])).read_text().strip()
        workspace = Workspace(running.url, key)
        eventually(
            lambda: "pg_cron entry" in (home / "up.out").read_text(), "the demo's jobs are not made", seconds=300
        )
        _furnish(workspace, receiver)
        failed = _await_failures(workspace)
        with chromium() as browser:
            for picture in _pictures(failed):
                _take(browser, running.url, key, picture)
        if too_large := [each.name for each in _IMAGES.glob("*.png") if each.stat().st_size > _MOST_BYTES]:
            sys.exit(f"larger than {_MOST_BYTES:,} B: {', '.join(too_large)}: take less of the pages")


def _furnish(workspace: Workspace, receiver: str) -> None:
    workspace.make(
        "/endpoints",
        name="payments",
        title="Card payments",
        type="HTTP",
        spec={"url": receiver, "method": "POST"},
        retry_policy={"max_attempts": 2, "initial_delay_ms": 1000},
    )
    for name, cron, zone, tags in _JOBS:
        workspace.make(
            "/jobs",
            name=name,
            endpoint="demo-receiver",
            trigger="CRON",
            cron=cron,
            timezone=zone,
            tags=tags,
            input={"from": name},
        )
        for _ in range(8):
            workspace.make(f"/jobs/{name}/trigger")
    workspace.make(
        "/jobs",
        name="charge-cards",
        title="Charge the cards that are due",
        endpoint="payments",
        trigger="CRON",
        cron="* * * * *",
        timezone="Europe/Berlin",
        input={"amount": 5},
    )
    workspace.make("/jobs/export-ledger/pause", note="closed until the audit is over")


def _await_failures(workspace: Workspace) -> Sequence[Json]:
    """Wait until charge-cards has enough failed runs for a picture, and return them."""
    found: list[Json] = []

    def are_there() -> bool:
        found[:] = workspace.get("/executions?job=charge-cards&status=FAILED")["data"]
        return len(found) >= _FAILURES

    eventually(are_there, "no run failed", seconds=60 * (_FAILURES + 7))
    return found


def _pictures(failed: Sequence[Json]) -> Iterator[Picture]:
    yield Picture(name="overview", path="/w/demo", height=640)
    yield Picture(name="jobs", path="/w/demo/jobs", height=490)
    yield Picture(name="job", path=f"/w/demo/jobs/charge-cards?at={failed[0]['scheduled_at']}#ticks", height=660)
    yield Picture(name="execution", path=f"/w/demo/executions/{failed[0]['execution_id']}", height=620)
    yield Picture(name="dead-letters", path="/w/demo/dead-letters", height=560)
    yield Picture(name="new-job", path="/w/demo/jobs/~new", height=760)
    yield Picture(name="system", path="/system", is_dark=True, height=530)
    yield Picture(name="phone", path="/w/demo", width=360, height=780)


def _take(browser: Browser, url: str, key: str, picture: Picture) -> None:
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme="dark" if picture.is_dark else "light",
        extra_http_headers={"Authorization": f"Bearer {key}"},
        reduced_motion="reduce",
    )
    try:
        page = context.new_page()
        page.goto(f"{url}{picture.path}")
        if picture.name == "new-job":
            page.get_by_label("Name", exact=True).fill("morning-report")
            page.get_by_label("Endpoint", exact=True).fill("demo-receiver")
            page.get_by_label("In words").last.fill("every weekday at 9:30")
            page.locator("ol.runs li").last.scroll_into_view_if_needed()
        if page.locator("#live").count():
            page.locator("#live[data-state=open]").wait_for()
        file = _IMAGES / f"{picture.name}.png"
        page.screenshot(path=file)
    finally:
        context.close()
    sys.stdout.write(f"{file.name} {file.stat().st_size:,} B\n")


@contextmanager
def _declining() -> Iterator[str]:
    """The address of a receiver that answers 500."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Declining)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()


if __name__ == "__main__":
    main()
