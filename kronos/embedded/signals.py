"""Events that wake the supervisor: a request to stop, and a child that ended."""

import os
import select
import signal
from types import FrameType, TracebackType
from typing import Self


class Wakeups:
    """Counts SIGINT and SIGTERM, notices SIGCHLD, and ends a wait at any of them. For the main thread."""

    def __init__(self) -> None:
        """Installs nothing yet."""
        self.stop_requests = 0
        self._readable, self._writable = os.pipe()
        for descriptor in (self._readable, self._writable):
            os.set_blocking(descriptor, False)

    def __enter__(self) -> Self:
        """Install the handlers. The wake-up descriptor closes the gap between a check and the wait after it."""
        self._before = signal.set_wakeup_fd(self._writable, warn_on_full_buffer=False)
        self._handlers = [
            (number, signal.signal(number, handler))
            for number, handler in (
                (signal.SIGINT, self._stop),
                (signal.SIGTERM, self._stop),
                (signal.SIGHUP, self._stop),
                (signal.SIGCHLD, _nothing),
            )
            # nohup has it ignored
            if number != signal.SIGHUP or signal.getsignal(signal.SIGHUP) != signal.SIG_IGN
        ]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Restore the previous handlers."""
        for number, handler in self._handlers:
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._before)
        os.close(self._readable)
        os.close(self._writable)

    @property
    def is_stop_requested(self) -> bool:
        """Whether a stop was requested."""
        return self.stop_requests > 0

    def wait(self, seconds: float) -> None:
        """Return after `seconds`, or as soon as a signal arrives or has arrived since the last wait."""
        select.select([self._readable], [], [], max(0.0, seconds))
        try:
            while os.read(self._readable, 512):
                pass
        except BlockingIOError:
            return  # all were read

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stop_requests += 1


def _nothing(number: int, frame: FrameType | None) -> None:
    """A handler must exist for the wake-up descriptor to be written to."""
