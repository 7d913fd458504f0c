"""GET /v1/workspaces/{w}/events: what changes is heard within a moment, in order, and nothing is lost."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty, Queue
from typing import Any

import httpx

_SECONDS = 30.0


@dataclass
class Heard:
    """One event as it came."""

    type: str
    data: dict[str, Any]
    id: str | None


@dataclass
class Listener:
    """What one client hears, read in a thread."""

    response: httpx.Response
    last_id: str | None = None
    comments: list[str] = field(default_factory=list)
    _heard: "Queue[Heard | None]" = field(default_factory=Queue)

    def read(self) -> None:
        kind, data, given = "", "", None
        try:
            for line in self.response.iter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    data = value
                elif name == "id":
                    self.last_id = given = value
                elif name == "":
                    self.comments.append(value)
                if line == "":
                    if data:
                        self._heard.put(Heard(kind, json.loads(data), given))
                    kind, data, given = "", "", None
        except (httpx.HTTPError, httpx.StreamError):
            pass  # it was cut off, which is over as well
        self._heard.put(None)

    def next(self) -> Heard | None:
        """The next event; None: there will be no more."""
        try:
            return self._heard.get(timeout=_SECONDS)
        except Empty:
            raise AssertionError(f"no event came in {_SECONDS} s") from None

    def until(self, wanted: Callable[[Heard], bool]) -> list[Heard]:
        """What comes, up to the first one that is wanted."""
        heard: list[Heard] = []
        while not heard or not wanted(heard[-1]):
            each = self.next()
            assert each is not None, f"the stream ended after {heard}"
            heard.append(each)
        return heard

    def rest(self) -> list[Heard]:
        """What comes until the stream ends."""
        return list(iter(self.next, None))


@contextmanager
def listening(client: httpx.Client, workspace: str, after: str | None = None, **query: str) -> Iterator[Listener]:
    headers = {} if after is None else {"Last-Event-ID": after}
    with client.stream("GET", f"/v1/workspaces/{workspace}/events", headers=headers, params=query) as response:
        assert response.status_code == 200, response.read()
        listener = Listener(response)
        thread = threading.Thread(target=listener.read, daemon=True)
        thread.start()
        try:
            yield listener
        finally:
            response.close()
            thread.join(_SECONDS)


def _job(client: httpx.Client, workspace: str, **given: Any) -> dict[str, Any]:
    asked = {"endpoint": "sink", "trigger": "CRON", "cron": "0 0 1 1 *"} | given
    made = client.post(f"/v1/workspaces/{workspace}/jobs", json=asked)
    assert made.status_code == 201, made.text
    return dict(made.json())


def test_a_new_job_its_pause_and_its_run_are_heard_in_their_order(api: httpx.Client, workspace: str) -> None:
    with listening(api, workspace) as heard:
        job = _job(api, workspace, name="nightly")
        made = heard.next()
        assert made is not None
        assert (made.type, made.data["job_id"], made.data["status"]) == ("job", job["job_id"], "ACTIVE")
        assert (made.data["name"], made.data["next_run_at"]) == ("nightly", job["next_run_at"])
        api.post(f"/v1/workspaces/{workspace}/jobs/nightly/pause", json={"note": "n"})
        heard.until(lambda each: each.data["status"] == "PAUSED")
        api.post(f"/v1/workspaces/{workspace}/jobs/nightly/resume")
        run = api.post(f"/v1/workspaces/{workspace}/jobs/nightly/trigger", json={}).json()
        (*_, last) = heard.until(lambda each: each.type == "execution")
        assert (last.data["execution_id"], last.data["job_name"]) == (run["execution_id"], "nightly")
        assert "input" not in last.data
