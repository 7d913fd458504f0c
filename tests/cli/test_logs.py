"""`kronos logs -f`: a line per event, continuing from the same place when the connection is lost."""

from collections.abc import Iterator

import httpx
import orjson
import pytest

from cli.commands import Kronos
from conftest import Api
from kronos.cli import logs
from kronos.cli.client import Client, LostError, Told
from kronos.model import JsonObject

_RUN: JsonObject = {
    "execution_id": "0193f0c8-7a1e-7cc3-9b5a-4c1d2e3f4a5b",
    "job_name": "nightly\x1b[31m",
    "status": "FAILED",
    "reason": "attempts_exhausted",
    "created_at": "2026-11-29T00:00:00Z",
    "completed_at": "2026-11-29T00:00:09Z",
}


@pytest.mark.parametrize("as_json", [False, True])
def test_it_prints_events_and_goes_on_after_the_last_one(
    kronos: Kronos, monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    asked: list[str | None] = []
    kronos("job", "create", "nightly", "--endpoint", "sink", "--cron", "0 3 * * *")

    def listen(client: Client, path: object, *, query: dict[str, str | None], after: str | None) -> Iterator[Told]:
        asked.append(after)
        assert (query["types"], query["job"], query["status"]) == ("execution", "nightly", None)
        if len(asked) == 3:
            raise KeyboardInterrupt
        yield Told(type="execution", data=_RUN, id=f"place-{len(asked)}")
        yield Told(type="execution", data=_RUN | {"status": "RUNNING"}, id=None)
        if len(asked) == 1:
            raise LostError("it cannot be reached")
        yield Told(type="reset", data={"reason": "missed"}, id=None)
        yield Told(type="message", data=None, id="place-3")

    monkeypatch.setattr(Client, "listen", listen)
    monkeypatch.setattr(logs, "_AGAIN_SECONDS", 0.0)
    ended = kronos("logs", "-f", "--job", "nightly", "--type", "execution", *(["--json"] if as_json else []))
    assert asked == [None, "place-1", "place-3"]
    lines = ended.stdout.splitlines()
    if as_json:
        assert [orjson.loads(line).get("status") for line in lines] == ["FAILED", "RUNNING", "FAILED", "RUNNING", None]
    else:
        assert lines[0] == (
            "2026-11-29T00:00:09Z  execution  0193f0c8-7a1e-7cc3-9b5a-4c1d2e3f4a5b  nightly\\x1b[31m  FAILED  "
            "reason=attempts_exhausted"
        )
        assert lines[4].startswith("some changes may be missing")
    assert "it cannot be reached: reconnecting" in ended.stderr


def test_an_operation_is_a_line_with_how_far_it_is() -> None:
    data: JsonObject = {
        "operation_id": "0193f0c8-7a1e-7cc3-9b5a-4c1d2e3f4a5b",
        "kind": "REDRIVE",
        "job": None,
        "status": "RUNNING",
        "created_at": "2026-11-29T00:00:00Z",
        "done": 7,
        "total": 90,
    }
    line = logs._line(Told(type="operation", data=data, id=None), data)
    assert line == (
        "2026-11-29T00:00:00Z  operation  0193f0c8-7a1e-7cc3-9b5a-4c1d2e3f4a5b  REDRIVE  RUNNING  done=7  total=90"
    )


def test_it_hears_the_api(api: httpx.Client, shared_api: Api, workspace: str) -> None:
    heard = Client(url=str(api.base_url), key=shared_api.key).listen(
        ("v1", "workspaces", workspace, "events"), query={"types": "job"}, after=None
    )
    first = next(heard)
    assert (first.data, first.id is not None) == (None, True)
    job = {"endpoint": "sink", "trigger": "IMMEDIATE", "name": "once"}
    api.post(f"/v1/workspaces/{workspace}/jobs", json=job).raise_for_status()
    told = next(each for each in heard if each.data is not None)
    assert told.data is not None
    assert (told.type, told.data["name"]) == ("job", "once")
    del heard  # which closes it


def test_what_is_refused_is_a_sentence(kronos: Kronos) -> None:
    ended = kronos("logs", "-f", "--status", "DONE")
    assert ended.exit_code == 2
    assert "Error: --status: " in ended.stderr
