"""The authorities that TLS deliveries trust: the operating system's and, with KRONOS_CA_FILE, also the file's."""

import asyncio
import os
import ssl
from pathlib import Path

from kronos.certificates import CertificatesInvalid, read_certificates
from kronos.lines import Log

_log = Log(__name__)


class Trust:
    """A TLS context that follows its file: added or removed certificates apply from the next connection on.

    A missing or invalid file is reported once; the authorities read before stay trusted.
    """

    def __init__(self, ca_file: Path | None, context: ssl.SSLContext | None = None) -> None:
        """Raises CertificatesInvalid."""
        self._ca_file = ca_file
        self._seen = _mark(ca_file) if ca_file is not None else None
        self._reading = asyncio.Lock()
        self.ca_certificates = read_certificates(ca_file) if ca_file is not None else None
        """The file's certificates, as of the last read."""
        self.context = _hardened(context) if context is not None else _context(self.ca_certificates)

    @property
    def may_have_changed(self) -> bool:
        """Whether the file must be read again, or is being read."""
        return self._ca_file is not None and (self._reading.locked() or _mark(self._ca_file) != self._seen)

    async def look_again(self) -> None:
        """Read the file again if it has changed, in a thread: this takes as long as a hundred deliveries."""
        if self._ca_file is None or _mark(self._ca_file) == self._seen or self._reading.locked():
            return
        async with self._reading:
            found = _mark(self._ca_file)
            try:
                self.ca_certificates = await asyncio.to_thread(read_certificates, self._ca_file)
                self.context = await asyncio.to_thread(_context, self.ca_certificates)
                _log.info("ca_file.read", "KRONOS_CA_FILE: %s has changed and was read again", self._ca_file)
            except CertificatesInvalid as error:
                _log.error("ca_file.broken", "KRONOS_CA_FILE: %s; its previous certificates stay trusted", error)
            self._seen = found  # only now: if this delivery is cancelled meanwhile, the next one reads the file


def _context(ca_certificates: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_certificates is not None:
        context.load_verify_locations(cadata=ca_certificates)
    return _hardened(context)


def _hardened(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    return context


def _mark(path: Path) -> tuple[int, int, int, int] | None:
    """Return a mark that changes when a file is written or replaced, also behind symbolic links, as orchestrators
    rotate mounts. None: the file does not exist."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
