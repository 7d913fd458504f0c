"""File descriptors: a process gets as many as its settings may need, or does not start. A process that runs out of them
would fail requests and deliveries at random, long after its start was checked."""

import os
import resource

# PostgreSQL, Kafka and Redis, the resolver's sockets, logs, the interpreter's own: some thirty, and as many more for
# what libraries open briefly.
_BESIDE = 128
# A delivery that connects tries two addresses concurrently if the first does not answer. In addition, as many
# connections as deliveries are kept open for the next delivery to the same destination.
_OF_A_DELIVERY = 3
# For a single workspace; a tenth more for all; and as many guests (kronos/worker/shares.py).
_OF_A_WORKER = 2.1

_STANDARD_ERROR = 2


class TooFew(Exception):
    """This process may not open as many as it needs. The message says how many, and what to do."""


def of_worker(concurrency: int) -> int:
    """Return the most descriptors that a worker has open."""
    return int(_OF_A_DELIVERY * (_OF_A_WORKER * concurrency + 1)) + _BESIDE


def of_api(max_connections: int, pool_size: int) -> int:
    """Return the most descriptors that an API process has open."""
    return max_connections + pool_size + _BESIDE


def hold_standard() -> None:
    """Open /dev/null in place of a standard input, output or error that was closed before this process started.

    The next file or socket would otherwise get its number: the API's socket could not be passed to the API, and what a
    library writes to standard error would go to PostgreSQL.
    """
    while (opened := os.open(os.devnull, os.O_RDWR)) <= _STANDARD_ERROR:
        os.set_inheritable(opened, True)
    os.close(opened)


def make_room(wanted: int, setting: str) -> None:
    """Raise this process's soft limit to `wanted`. Raises TooFew if the hard limit is lower; `setting` names what needs
    them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise TooFew(
            f"{setting} needs {wanted} file descriptors, but this process may have only {hard} (RLIMIT_NOFILE): raise "
            "the hard limit, for example with ulimit -Hn or systemd's LimitNOFILE, or lower the setting"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
