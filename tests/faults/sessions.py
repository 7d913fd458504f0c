"""The sessions that the tests of a file use beside the API's: each of them plans its statements once."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from kept import Kept, kept
from worker.protocol import as_worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """To one database: a superuser's, in which a test also rings, reaps and holds locks; and a worker's."""

    superusers: Kept
    workers: Kept


@contextmanager
def sessions_to(url: str) -> Iterator[Sessions]:
    with (
        kept(url) as superusers,
        closing(Kept(lambda: as_worker(url), cleaning="unlisten *; select pg_advisory_unlock_all()")) as workers,
    ):
        yield Sessions(superusers=superusers, workers=workers)
