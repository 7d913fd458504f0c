"""Why `kronos up` cannot continue, in a sentence for the user at the terminal.

EmbeddedError
├── PostgresMissing      no PostgreSQL server with pg_cron is installed, or not the version that created the data
├── ClusterFailed        initdb or the server failed; the message contains the end of its log
├── HomeInUse            another `kronos up` owns this home
├── EncryptionKeysWrong  the keys of secrets are missing, or cannot be read
└── HomeUnusable         the home cannot be created, or has a name that PostgreSQL cannot use
"""

import os
import subprocess


class EmbeddedError(Exception):
    """The base class: the command line prints its message and exits with 1."""


class PostgresMissing(EmbeddedError):
    """No usable PostgreSQL is installed; the message names the packages."""


class ClusterFailed(EmbeddedError):
    """PostgreSQL did not start, or did not stop."""


class HomeInUse(EmbeddedError):
    """Another `kronos up` is running, or starting, in the same home."""


class EncryptionKeysWrong(EmbeddedError):
    """The encryption keys cannot be read, or one that secrets are encrypted with is missing."""


class HomeUnusable(EmbeddedError):
    """`kronos up` cannot run in this home, because of its name, location or owner."""


PASSING = (OSError, subprocess.SubprocessError, EmbeddedError)
"""Errors that may soon be over: a full disk, too few descriptors, a PostgreSQL that does not start."""


def explained(error: BaseException) -> str:
    """Return what went wrong, and with which file, without the error number."""
    if isinstance(error, OSError) and error.strerror:
        named = isinstance(error.filename, (str, bytes, os.PathLike))
        return f"{error.strerror}: {os.fsdecode(error.filename)}" if named else error.strerror
    return str(error) or type(error).__name__
