"""`kronos up` in which each kind of system call fails once per place in the code, for tests.

python -m embedded.failing up --home DIR …

SIGUSR1 starts the failures, and starts over each time. From then on, the first call of each kind at each place in the
code, made from `kronos/embedded` or below it, fails with "No space left on device", "Too many open files" or
"Input/output error" in turn. Each failure is written to the file that KRONOS_TEST_FAILED names.
"""

import errno
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType

from kronos.__main__ import main
from kronos.embedded import children, logfiles, supervisor

_ASKED = (
    "open", "os.chmod", "os.chown", "os.link", "os.listdir", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
    "os.scandir", "os.truncate",
    "shutil.rmtree", "socket.__new__", "socket.bind", "socket.connect", "subprocess.Popen", "tempfile.mkdtemp",
)  # fmt: skip
_CODES = (errno.ENOSPC, errno.EMFILE, errno.EIO)
_OURS = f"{os.sep}kronos{os.sep}embedded{os.sep}"


class Faults:
    """The calls that have failed, while `is_on`."""

    def __init__(self, told: int) -> None:
        self._told = told
        self._seen: set[tuple[str, ...]] = set()
        self.is_on = False

    def begin(self, number: int, frame: FrameType | None) -> None:
        self._seen.clear()
        self.is_on = True

    def hook(self, event: str, arguments: tuple[object, ...]) -> None:
        """An audit hook: an error that it raises fails the audited call."""
        if not self.is_on or event not in _ASKED:
            return
        self.is_on = False  # calls in here are not the supervisor's
        try:
            place = tuple(_places(sys._getframe(1)))
            site = (event, *place)
            if not place or site in self._seen:
                return
            self._seen.add(site)
            code = _CODES[len(self._seen) % len(_CODES)]
            os.write(self._told, f"{event} {' < '.join(place[:3])} {errno.errorcode[code]}\n".encode())
            raise OSError(code, os.strerror(code))
        finally:
            self.is_on = True


def _places(frame: FrameType | None) -> Iterator[str]:
    """The lines of kronos.embedded that lead to this call, innermost first."""
    while frame is not None:
        if _OURS in frame.f_code.co_filename:
            yield f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
        frame = frame.f_back


def _main() -> None:
    faults = Faults(os.open(os.environ.pop("KRONOS_TEST_FAILED"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
    signal.signal(signal.SIGUSR1, faults.begin)
    sys.addaudithook(faults.hook)
    # Each retry gets one call further, so retries are fast; and a log of a few lines already counts as large.
    children._FIRST_DELAY_SECONDS = children._LONGEST_DELAY_SECONDS = 0.02
    logfiles.LARGEST_BYTES = 1
    supervisor._LOOK_AT_LOGS_SECONDS = 0.1
    main(prog_name="kronos")


if __name__ == "__main__":
    _main()
