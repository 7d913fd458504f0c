"""Runs a command unchanged, with its signals, and pings a heartbeat about it. Uses only the standard library."""

import errno
import http.client
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import IO, Final
from urllib.parse import urlsplit

_MOST_LOG: Final = 11_000
"""Bytes; more than the 10,000 that are kept, so that the API knows that the log was cut."""
_MOST_TOKEN: Final = 512
"""No token or key is longer."""
_WORD: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_TIMEOUT_SECONDS: Final = 5.0
_MOST_SECONDS: Final = 10.0
"""For one attempt: a name lookup, or a response that arrives byte by byte, could last forever."""
_START_WAITS: Final = (1.0,)
"""Between attempts to report the start, while the command already runs."""
_END_WAITS: Final = (1.0, 2.0, 4.0)
_MOST_WAIT: Final = 15.0
"""The longest Retry-After that is respected."""
_PASSED = ("SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGTSTP", "SIGCONT")
_OF_THE_TERMINAL = ("SIGINT", "SIGQUIT")
"""A terminal sends these to every process it runs, so they need not be passed on."""


class Pinger:
    """Reports to a heartbeat that a run begins, and how it ends, with the run's own id. Repeated reports count once."""

    def __init__(self, url: str) -> None:
        self.run_id = uuid.uuid4().hex
        self._url = url.strip().rstrip("/")
        self._begun: threading.Thread | None = None

    def begin(self) -> None:
        """Report the start, while the run is already in progress."""
        if not self._url:
            _say("no heartbeat is pinged: neither --url nor KRONOS_PING_URL is set")
            return
        self._begun = threading.Thread(target=self._say, args=("start", b"", _START_WAITS), daemon=True)
        self._begun.start()

    def end(self, code: int, milliseconds: int, log: bytes) -> None:
        """Report the end, after the start was reported or could not be."""
        if self._begun is None:
            return
        self._begun.join()
        self._say(f"{code}", log, _END_WAITS, f"&duration_ms={milliseconds}")

    def _say(self, what: str, body: bytes, waits: Sequence[float], more: str = "") -> None:
        """Ping, and retry for a while if that may help."""
        why = ""
        for wait in (*waits, None):
            try:
                status, why, asked = self._answer(f"{what}?rid={self.run_id}{more}", body)
            except ValueError as error:  # not a URL: a retry cannot help
                why = str(error)
                break
            except (OSError, http.client.HTTPException) as error:
                status, why, asked = 0, _cause(error), 0.0
            if 200 <= status < 300:
                return
            if wait is None or (400 <= status < 500 and status not in (408, 429)):
                break
            time.sleep(min(max(wait, asked), _MOST_WAIT))  # nothing reports when the API is back
        _say(f"could not report {'the start' if what == 'start' else 'the end'} to the heartbeat: {why}")

    def _answer(self, path: str, body: bytes) -> tuple[int, str, float]:
        """Like _post, but gives up after a while, whatever blocks. Raises OSError, HTTPException, ValueError."""
        found: list[tuple[int, str, float] | Exception] = []

        def ask() -> None:
            try:
                found.append(self._post(path, body))
            except (ValueError, OSError, http.client.HTTPException) as error:
                found.append(error)

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(_MOST_SECONDS)
        answer = found[0] if found else TimeoutError(errno.ETIMEDOUT, f"no answer within {_MOST_SECONDS:g} s")
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _post(self, path: str, body: bytes) -> tuple[int, str, float]:
        """Return the status, its meaning, and the requested wait. Raises OSError, HTTPException, ValueError."""
        is_tls, host, port, base = _target(self._url)
        kind = http.client.HTTPSConnection if is_tls else http.client.HTTPConnection
        connection = kind(host, port, timeout=_TIMEOUT_SECONDS)
        try:
            headers = {"Content-Type": "application/octet-stream", "User-Agent": "kronos-run-and-ping"}
            connection.request("POST", f"{base}/{path}", body=body, headers=headers)
            response = connection.getresponse()
            response.read(64 * 1024)
            after = response.getheader("Retry-After", "")
            asked = float(after) if after.isascii() and after.isdigit() else 0.0
            meaning = http.client.responses.get(response.status, "")
            return response.status, f"{host} returned {response.status} {meaning}".rstrip(), asked
        finally:
            connection.close()


class WatchedRun:
    """A command in progress. Signals sent to this process are passed to it."""

    def __init__(self, command: Sequence[str], *, keeps_log: bool, run_id: str) -> None:
        self.log = b""
        self._began, self._ended_at = time.monotonic(), 0.0
        self._tails: list[_Tail] = []
        self._log = bytearray()
        self._process: subprocess.Popen[bytes] | None = None
        self._code = 0
        self._waiting: list[int] = []
        piped = subprocess.PIPE if keeps_log else None
        environment = {**os.environ, "KRONOS_RUN_ID": run_id}
        held = {each: signal.getsignal(each) for each in _signals()}
        try:
            # Set up before the command starts, so that no signal is lost. The command inherits ignored signals.
            for each in held:
                if held[each] is not signal.SIG_IGN:
                    signal.signal(each, self._pass)
            # If our parent ignores SIGCHLD, the kernel keeps no exit codes, and every run would seem to end with 0.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._process = subprocess.Popen(command, stdout=piped, stderr=piped, env=environment)  # noqa: S603
        except OSError as error:
            self._code = 127 if isinstance(error, FileNotFoundError) else 126
            _say(f"cannot run {command[0]}: {error.strerror}")
            return
        for number in self._waiting:
            self._pass(number, None)
        lock = threading.Lock()
        for source, to in ((self._process.stdout, sys.stdout), (self._process.stderr, sys.stderr)):
            if source is not None:
                # `to` is None if our own stream was already closed when we started.
                self._tails.append(_Tail(source, None if to is None else to.fileno(), self._log, lock))

    @property
    def milliseconds(self) -> int:
        """The duration of the run."""
        return round(((self._ended_at or time.monotonic()) - self._began) * 1000)

    def ended(self) -> int:
        """Wait for the end of the command and return its exit code, as a shell reports it."""
        if self._process is not None:
            code = self._process.wait()
            self._code = 128 - code if code < 0 else code
        self._ended_at = time.monotonic()
        for each in self._tails:
            each.join(1.0)  # its background processes may keep the pipe open
        self.log = _end_of(bytes(self._log))
        return self._code

    def _pass(self, number: int, _: FrameType | None) -> None:
        """Pass on a signal. If it stops the command, stop this process too: the shell sees only this one."""
        if signal.Signals(number).name in _OF_THE_TERMINAL and sys.stdin is not None and sys.stdin.isatty():
            return
        if self._process is None:
            self._waiting.append(number)
            return
        with suppress(ProcessLookupError):  # the command has ended
            self._process.send_signal(number)
        if number == signal.SIGTSTP:
            # As without a handler: the kernel ignores this if no shell above could continue this process.
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
            signal.signal(number, self._pass)


class _Tail(threading.Thread):
    """Copies a command's output and keeps its end."""

    def __init__(self, source: IO[bytes], to: int | None, log: bytearray, lock: threading.Lock) -> None:
        super().__init__(daemon=True)
        self._source, self._to, self._log, self._lock = source, to, log, lock
        self.start()

    def run(self) -> None:
        """Copy until the output ends. If our reader is gone, the command's pipe is closed, too."""
        with self._source, suppress(OSError):
            while some := os.read(self._source.fileno(), 65_536):
                with self._lock:
                    self._log += some
                    if len(self._log) > 2 * _MOST_LOG:
                        del self._log[:-_MOST_LOG]
                left = memoryview(some)
                while left and self._to is not None:
                    left = left[os.write(self._to, left) :]


def _target(url: str) -> tuple[bool, str, int | None, str]:
    """Return whether it is https, its host, its port and its path. Raises ValueError, without the URL, which is a
    secret."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:
        host = ""
    if not host or parts.scheme not in ("http", "https"):
        raise ValueError("the ping URL is not an http:// or https:// URL")
    if not parts.path.isascii() or not url.isprintable() or " " in url:
        raise ValueError("the ping URL contains a character that no URL has: copy it again")
    return parts.scheme == "https", host, port, parts.path


def _end_of(log: bytes) -> bytes:
    """Return the end of a log, without the rest of a word that was cut: the API would not see that it is the end of the
    ping URL, or of a key, and would store it."""
    if len(log) <= _MOST_LOG:
        return log
    end = log[-_MOST_LOG:]
    return end[:_MOST_TOKEN].lstrip(_WORD) + end[_MOST_TOKEN:]


def _signals() -> list[signal.Signals]:
    return [signal.Signals[name] for name in _PASSED]


def _cause(error: Exception) -> str:
    """Return the cause of an error, without the URL, which is a secret."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "the response is not HTTP"


def _say(sentence: str) -> None:
    if sys.stderr is None:  # it was closed; print would use standard output instead
        return
    with suppress(OSError, ValueError):  # standard error is closed
        print(f"kronos run-and-ping: {sentence}", file=sys.stderr, flush=True)
