"""The content of `kronos top`: figures, rows and curves of an overview, as text for a terminal."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from kronos.cli.client import printable
from kronos.model import Json, JsonObject
from kronos.records import dataclass

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_FAILED = ("failed", "missed", "expired")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number with its name, and whether it needs attention."""

    name: str
    value: str
    is_bad: bool = False


def figures(overview: JsonObject) -> list[Figure]:
    """Return the main figures: due, running, failing, workers, lag, queue age."""
    queue, firing = _object(overview, "queue"), _object(overview, "pg_cron")
    late, failing = rows(overview, "late"), rows(overview, "failing")
    at = _instant(overview.get("at"))
    waiting = queue.get("waiting") or 0
    age = _seconds(at, queue.get("waiting_since"))
    lag = max((_seconds(at, row.get("since")) for row in late), default=0)
    sessions = firing.get("worker_sessions") or 0
    more = "+" if queue.get("is_cut") else ""
    return [
        Figure(name="due", value=f"{waiting:,}{more}"),
        Figure(name="running", value=f"{queue.get('running') or 0:,}{more}"),
        Figure(name="failing", value=f"{len(failing)}", is_bad=bool(failing)),
        Figure(name="workers", value=f"{sessions}", is_bad=sessions == 0),
        Figure(name="lag", value=length(lag), is_bad=lag >= _MINUTE),
        Figure(name="queue age", value=length(age), is_bad=age >= _MINUTE),
        Figure(name="dead letters", value=f"{_object(overview, 'dead_letters').get('number') or 0:,}"),
    ]


def warnings(overview: JsonObject) -> list[str]:
    """Return what keeps ticks or deliveries from being on time."""
    firing = _object(overview, "pg_cron")
    found = firing.get("warnings")
    said = [printable(str(each)) for each in found] if isinstance(found, list) else []
    return said or ([] if firing.get("is_ready", True) else ["pg_cron does not ring"])


def curves(overview: JsonObject) -> tuple[list[int], list[int], list[int]]:
    """Return counts per minute: delivered and failed in the last hour, and upcoming in the next."""
    minutes = rows(overview, "minutes")
    present = str(overview.get("at"))[:16]
    past = [minute for minute in minutes if str(minute.get("at"))[:16] <= present]
    coming = [minute for minute in minutes if str(minute.get("at"))[:16] > present]
    delivered = [_sum(minute, ("delivered",)) for minute in past]
    return delivered, [_sum(minute, _FAILED) for minute in past], [_sum(minute, ("upcoming",)) for minute in coming]


def failing(overview: JsonObject) -> Iterator[tuple[str, str, str, str]]:
    """Yield job, number of failures, time since the last, and its error message; latest failure first."""
    at = _instant(overview.get("at"))
    found = sorted(rows(overview, "failing"), key=lambda row: str(row.get("last_failed_at")), reverse=True)
    for row in found:
        name = row.get("job_name") or row.get("job_id") or f"one-shots to {row.get('endpoint')}"
        said = row.get("message") or row.get("error_type") or ""
        ago = length(_seconds(at, row.get("last_failed_at")))
        yield printable(str(name)), f"{row.get('failures')}", ago, printable(str(said))


def late(overview: JsonObject) -> Iterator[tuple[str, str, str, str]]:
    """Yield job, number of waiting runs, how long they have waited, and why."""
    at = _instant(overview.get("at"))
    for row in rows(overview, "late"):
        name, why = row.get("job_name") or row.get("job_id"), row.get("why") or ""
        yield printable(str(name)), f"{row.get('number')}", length(_seconds(at, row.get("since"))), printable(str(why))


def workers(overview: JsonObject) -> str:
    """Return the workers with deliveries of this workspace in progress, busiest first."""
    found = sorted(rows(overview, "workers"), key=lambda row: -(row.get("running") or 0))
    return "  ".join(f"{printable(str(row.get('worker_id')))} {row.get('running')}" for row in found) or "idle"


def length(seconds: float) -> str:
    """Return a duration in a readable unit."""
    whole = max(0, int(seconds))
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if whole >= unit:
            return f"{whole // unit} {name}"
    return f"{whole} s"


def rows(document: JsonObject, field: str) -> Sequence[JsonObject]:
    """Return the objects of a list."""
    found = document.get(field)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def _object(document: JsonObject, field: str) -> JsonObject:
    found = document.get(field)
    return found if isinstance(found, dict) else {}


def _sum(minute: JsonObject, fields: Sequence[str]) -> int:
    return sum(value for name in fields if isinstance(value := minute.get(name), int))


def _instant(value: Json) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        return None


def _seconds(at: datetime | None, since: Json) -> float:
    """Return the seconds from `since` to `at`; 0 if one of them is not a time."""
    began = _instant(since)
    return 0.0 if at is None or began is None else (at - began).total_seconds()
