"""File descriptors: a process has as many as its settings let it open, or does not start. One that runs out of them
fails requests and deliveries, one like another, long after anybody looks."""

import resource

# PostgreSQL, Kafka and Redis, the resolver's sockets, logs, what the interpreter has open: some thirty, and as many
# more for what libraries hold for a moment.
_BESIDE = 128
# A delivery that makes a connection tries two addresses at once, where the first does not answer; and as many
# connections as deliveries are kept for the next one to the same place.
_OF_A_DELIVERY = 3
# For one workspace alone, a tenth more, and as many guests (kronos/worker/shares.py).
_OF_A_WORKER = 2.1


class TooFew(Exception):
    """This process may not have as many as it needs. The message says how many, and what to do."""


def of_worker(concurrency: int) -> int:
    """How many a worker has open at most."""
    return int(_OF_A_DELIVERY * (_OF_A_WORKER * concurrency + 1)) + _BESIDE


def of_api(max_connections: int, pool_size: int) -> int:
    """How many an API process has open at most."""
    return max_connections + pool_size + _BESIDE


def make_room(wanted: int, setting: str) -> None:
    """Raise the soft limit of this process to what it needs. Raises TooFew where the hard one does not let it;
    `setting` is what needs them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise TooFew(
            f"{setting} needs {wanted} file descriptors, and this process may have {hard} (RLIMIT_NOFILE): raise the "
            "hard limit, such as with ulimit -Hn or systemd's LimitNOFILE, or lower the setting"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
