"""`kronos wait`: wait until executions have ended, with the stream of events, and by polling."""

import queue
import sys
import time
from collections.abc import Sequence
from dataclasses import field, replace
from functools import partial
from threading import Event, Thread
from typing import Literal

import click
import orjson
from rich.text import Text

from kronos.cli.client import LostError, printable
from kronos.cli.command import Api, command
from kronos.cli.exits import Exit
from kronos.cli.following import partly_done, patiently
from kronos.cli.inputs import Number
from kronos.cli.output import console
from kronos.model import Json, JsonObject
from kronos.records import dataclass

_ENDED = {"SUCCESS", "FAILED", "CANCELLED", "SKIPPED", "MISSED", "EXPIRED"}
_FIRST_LOOK_SECONDS = 0.25
_MOST_LOOK_SECONDS = 5.0
_HEARD_LOOK_SECONDS = 30.0
"""Polling interval while the stream is open. It only finds what the stream may have lost."""
_EACH_SECONDS = 0.02
"""Each poll sends a request per open execution, so many executions are polled less often."""
_LEAST_ASKED_SECONDS = 3.0
"""The last poll may take this long even after the timeout, because it reports the final state."""
_SHOWN_CHARACTERS = 2_000
_PLAIN = {name: name for name in ("execution_id", "status", "duration_ms", "attempt_count", "status_reason", "error")}
_Heard = Literal["began", "lost"]


timeout_option = click.option(
    "--timeout", type=Number(min=0), metavar="SECONDS", help="Wait at most this long.  [default: until the end]"
)


@command(None)
@click.argument("executions", nargs=-1, required=True, metavar="EXECUTION...")
@timeout_option
def wait(api: Api, executions: tuple[str, ...], timeout: float | None) -> None:
    """Wait until executions have ended, and show how. Ctrl-C leaves them running.

    kronos wait 01a22140-a496-7251-b2bf-f3fbba30bcd5 --timeout 600

    Exit code 0: all succeeded; 1: one did not; 7: --timeout expired first.
    """
    await_ends(api, list(dict.fromkeys(executions)), timeout=timeout)


@dataclass(slots=True, kw_only=True)
class _Awaited:
    """The awaited executions by id, as last seen, and the deadline."""

    api: Api
    ids: list[str]
    end: float | None = None
    """When to stop waiting. Requests end by then, too, but get at least _LEAST_ASKED_SECONDS."""
    known: dict[str, JsonObject] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)

    @property
    def open(self) -> list[str]:
        """Ids of executions that are not known to have ended."""
        return [each for each in self.ids if str(self.known.get(each, {}).get("status")) not in _ENDED]

    def look(self, which: Sequence[str]) -> None:
        """Get each of these executions. Raises ClickException."""
        for execution_id in which:
            found: JsonObject = patiently(partial(self._ask, execution_id), is_first=not self.known, until=self.end)
            self.known[execution_id] = found
            self.say(execution_id, str(found["status"]))

    def _ask(self, execution_id: str) -> Json:
        """Return the execution. Raises LostError if the deadline has passed."""
        client = self.api.client
        if self.end is not None:
            left = max(_LEAST_ASKED_SECONDS, self.end - time.monotonic())
            client = replace(
                client, timeout_seconds=min(client.timeout_seconds, left), whole_seconds=min(client.whole_seconds, left)
            )
        return replace(self.api, client=client).get("executions", execution_id, fields=("status",))

    def say(self, execution_id: str, status: str) -> None:
        """Tell the user that an execution's status has changed."""
        if self.said.get(execution_id) != status:
            self.said[execution_id] = status
            click.echo(f"{execution_id} is {status}", err=True)


def await_ends(
    api: Api, executions: list[str], *, timeout: float | None, job: str | None = None, is_one: bool = False
) -> None:
    """Wait, show each execution's result, and exit with its code. With `job`, listen only to the events of that job.
    Raises ClickException."""
    end = None if timeout is None else time.monotonic() + timeout
    waiting = _Awaited(api=api, ids=executions, end=end)
    is_over = Event()
    with partly_done(lambda: _left(api, waiting), has_begun=lambda: bool(waiting.known) or job is not None):
        try:
            has_ended = _wait(waiting, _listen(api, job, is_over))
        finally:
            is_over.set()
    _show(api, waiting, is_one=is_one)
    if not has_ended:
        click.echo(f"the timeout of {timeout:g} s has expired. {_left(api, waiting)}", err=True)
        sys.exit(Exit.TIMED_OUT)
    if any(found["status"] != "SUCCESS" for found in waiting.known.values()):
        sys.exit(Exit.FAILED)


def _wait(waiting: _Awaited, heard: "queue.SimpleQueue[_Heard | JsonObject]") -> bool:
    """Return whether all executions ended in time. Polls when an event arrives, and at intervals, which are longer
    while the stream is open."""
    is_heard, pause, look_at, end = False, _FIRST_LOOK_SECONDS, 0.0, waiting.end
    while waiting.open:
        now = time.monotonic()
        if now >= look_at:
            waiting.look(waiting.open)
            now = time.monotonic()
            look_at = now + (_HEARD_LOOK_SECONDS if is_heard else max(pause, _EACH_SECONDS * len(waiting.open)))
            pause = min(2 * pause, _MOST_LOOK_SECONDS)
            continue
        if end is not None and now >= end:
            return False
        try:
            told = heard.get(timeout=min(look_at, look_at if end is None else end) - now)
        except queue.Empty:
            continue
        if told == "began" or (told == "lost" and is_heard):
            is_heard = told == "began"
            look_at, pause = 0.0, _FIRST_LOOK_SECONDS  # for changes between the last poll and now
        elif isinstance(told, dict) and (execution_id := str(told.get("execution_id"))) in waiting.open:
            if told.get("status") in _ENDED:
                waiting.look([execution_id])
            else:
                waiting.say(execution_id, str(told.get("status")))
    return True


def _listen(api: Api, job: str | None, is_over: Event) -> "queue.SimpleQueue[_Heard | JsonObject]":
    """Return a queue of what the stream of events reports until `is_over`: that it began, each execution's data, and
    that it was lost. Without a stream, the queue stays empty."""
    heard: queue.SimpleQueue[_Heard | JsonObject] = queue.SimpleQueue()

    def listen() -> None:
        after: str | None = None
        while not is_over.is_set():
            try:
                for told in api.listen("events", after=after, types="execution", job=job):
                    if is_over.is_set():
                        return
                    after = told.id or after
                    heard.put("began" if told.data is None or told.type == "reset" else told.data)
            except LostError:
                heard.put("lost")
            except click.ClickException:
                heard.put("lost")  # an older Kronos, or a proxy that buffers streams: polling is enough
                return
            is_over.wait(
                _MOST_LOOK_SECONDS
            )  # the server accepts no listener now, and nothing reports when it does again

    Thread(target=listen, name="events", daemon=True).start()
    return heard


def _left(api: Api, waiting: _Awaited) -> str:
    left = " ".join(waiting.open)
    return f"Not ended: {left}. To continue waiting: kronos wait {left} -w {api.workspace}"


def _show(api: Api, waiting: _Awaited, *, is_one: bool) -> None:
    """Print each execution; if it did not succeed, also why, and the response to its last attempt. With --json, print
    the API's response with a `last_attempt` added."""
    shown = []
    for execution_id in waiting.ids:
        found = waiting.known[execution_id]
        is_bad = found["status"] in _ENDED - {"SUCCESS"}
        attempts = api.rows("executions", execution_id, "attempts") if is_bad and found.get("attempt_count") else []
        shown.append({**found, "last_attempt": attempts[-1] if attempts else None})
    if api.as_json:
        click.echo(orjson.dumps(shown[0] if is_one else shown, option=orjson.OPT_INDENT_2))
        return
    if api.as_plain:
        api.list(shown, _PLAIN, empty="")
        return
    to = console()
    for each in shown:
        for line in _lines(each):
            to.print(line)


def _lines(found: JsonObject) -> list[Text]:
    """Return the result of one execution, in the form for people."""
    status = str(found["status"])
    style = "green" if status == "SUCCESS" else "red" if status in _ENDED else "cyan"
    took = f" after {found['duration_ms']:,} ms" if isinstance(found.get("duration_ms"), int) else ""
    tried = f", {found['attempt_count']} attempts" if found.get("attempt_count") not in (None, 0, 1) else ""
    head = Text.assemble((status, style), f"  {found.get('execution_id')}", (f"{took}{tried}", "dim"))
    lines = [head]
    if status != "SUCCESS":
        reasons = [
            _said(value) for value in (found.get("status_reason"), found.get("error")) if isinstance(value, dict)
        ]
        lines += [Text(f"  {printable(reason)}") for reason in _distinct(reasons)]
    attempt = found.get("last_attempt")
    if isinstance(attempt, dict) and isinstance(answer := attempt.get("response"), dict):
        body = answer.get("body")
        text = _cut(body if isinstance(body, str) else _said(answer))
        status_code = f" {answer['status']}" if answer.get("status") else ""
        lines.append(Text(f"  attempt {attempt.get('attempt_number')} got response{status_code}: {printable(text)}"))
    return lines


def _distinct(reasons: Sequence[str]) -> list[str]:
    """Leave out reasons that repeat the first one with another code."""
    first = reasons[:1]
    return [*first, *(each for each in reasons[1:] if each.partition(" (")[0] not in first[0])]


def _said(document: JsonObject) -> str:
    """Return the sentence in a document, or the whole document if it has none."""
    code = document.get("code") or document.get("type")
    sentence = document.get("detail") or document.get("message")
    if isinstance(withheld := document.get("withheld"), str):
        return withheld
    text = f"{sentence} ({code})" if sentence and code else orjson.dumps(document).decode()
    return _cut(text)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
