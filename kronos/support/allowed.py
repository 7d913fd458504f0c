"""What a support bundle may contain. Anything not listed here is left out: a new setting, column or word is not
included until it is added to a list."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import orjson

from kronos.config import Settings
from kronos.redaction import redacted

# Numbers, switches and words of a fixed choice: they cannot contain user text.
SETTINGS: Final = frozenset({
    "max_connections", "max_connections_per_address", "max_requests", "max_url_bytes", "max_header_bytes",
    "max_headers", "head_seconds", "idle_seconds", "request_seconds", "ready_seconds", "write_seconds", "rate_limit",
    "event_streams",
    "event_streams_per_workspace", "event_streams_per_key", "database_pool_size", "database_wait_seconds",
    "read_max_lag_seconds", "worker_concurrency", "lease_seconds", "poll_seconds", "shutdown_seconds",
    "hung_after_seconds", "catch_up_immediate", "catch_up_stagger_seconds", "retention_success_days",
    "retention_failure_days", "retention_run_details_days", "retention_audit_days", "oidc_session_seconds",
    "key_session_seconds", "metrics_port", "port", "log_format", "log_level",
})  # fmt: skip
POSTGRESQL: Final = (
    "autovacuum", "autovacuum_max_workers", "autovacuum_naptime", "checkpoint_timeout", "cron.launch_active_jobs",
    "cron.log_run", "cron.log_statement", "cron.max_running_jobs", "cron.timezone", "cron.use_background_workers",
    "deadlock_timeout", "default_transaction_isolation", "effective_cache_size", "fsync", "full_page_writes",
    "hot_standby", "idle_in_transaction_session_timeout", "jit", "lock_timeout", "maintenance_work_mem",
    "max_connections", "max_locks_per_transaction", "max_prepared_transactions", "max_replication_slots",
    "max_slot_wal_keep_size", "max_wal_size", "max_worker_processes", "plan_cache_mode", "random_page_cost",
    "server_encoding", "server_version_num", "shared_buffers", "ssl", "statement_timeout",
    "superuser_reserved_connections", "synchronous_commit", "TimeZone", "track_activities", "track_counts", "wal_level",
    "work_mem",
)  # fmt: skip
# Checks whose details consist of numbers and Kronos's own words. The others name jobs, endpoints, roles or files.
DETAILS: Final = frozenset({
    "archive", "audit", "bloat", "clock", "commits", "connections", "cron limits", "cron log", "cron log size",
    "cron settings", "cron slots", "cron version", "dead letters", "default partitions", "disk", "durability",
    "growth", "heartbeat", "hold", "internal jobs", "late results", "launcher", "launching", "leases", "lock table",
    "lost attempts", "missed wave", "partition notes", "partitions", "pending restart", "pg_cron", "prepared",
    "privileges", "replication lag", "retention", "roles", "schema", "statistics", "synchronous standby", "tables",
    "time zone data", "time zones", "unlogged", "workers", "wraparound", "writes",
})  # fmt: skip
# Includes digits: a word with digits among its letters is compared as a whole.
_WORD = re.compile(r"[^\W_]+")
_TOKEN = re.compile(r"[^\s'\"(),;{}\[\]]+")
_FEW_DIGITS = 4
# Times are shown, addresses are not. Both may consist of digits between dots or colons.
_TIME = re.compile(r"(?:\d{4}-\d\d-\d\dT)?\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+|::|:[^:]*:")
_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_LOGGER = re.compile(r"kronos[a-z_.]*")
_LINE = re.compile(r"^(?P<head>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [A-Z]+ +kronos[\w.]*): (?P<message>.*)$")


def settings(found: Settings) -> dict[str, object]:
    """Return each setting by name: its value, or whether it is set."""
    return {
        name: getattr(found, name) if name in SETTINGS else ("set" if getattr(found, name) else "not set")
        for name in sorted(Settings.model_fields)
    }


class Words:
    """The words of Kronos's own texts. Other words of a log line are removed."""

    def __init__(self) -> None:
        """Read the package's files, which takes half a second."""
        package = Path(__file__).parents[1]
        self._known: set[str] = set()
        for path in package.rglob("*.py"):
            self._known.update(_WORD.findall(path.read_text(encoding="utf-8").lower()))

    def line(self, text: str) -> str | None:
        """Return a line of Kronos's log without words from elsewhere; None for a line of another program."""
        if text.startswith("{"):
            return self._of_json(text)
        if (found := _LINE.match(redacted(text))) is None:
            return None
        return f"{found['head']}: {_TOKEN.sub(self._kept, found['message'])}"

    def _of_json(self, text: str) -> str | None:
        """Return a JSON log line in the form for people. Its other fields are left out: they name what it was about."""
        try:
            line = orjson.loads(text)
        except orjson.JSONDecodeError:  # cut off at the start of the part that was read
            return None
        parts = [str(line.get(name, "")) for name in ("at", "level", "logger")]
        if not (_AT.fullmatch(parts[0]) and parts[1] in _LEVELS and _LOGGER.fullmatch(parts[2])):
            return None
        return f"{' '.join(parts)}: {_TOKEN.sub(self._kept, redacted(str(line.get('message', ''))))}"

    def _kept(self, token: re.Match[str]) -> str:
        text = token[0]
        is_ours = not _ADDRESS.search(text) and all(
            len(word) <= _FEW_DIGITS if word.isdecimal() else word.lower() in self._known
            for word in _WORD.findall(text)
        )
        return text if is_ours or _TIME.fullmatch(text) else "…"

    def lines(self, texts: Iterator[str]) -> Iterator[str]:
        """Yield the lines of Kronos's log."""
        for text in texts:
            if (kept := self.line(text)) is not None:
                yield kept
