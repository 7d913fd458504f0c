"""Why `kronos up` cannot go on, in a sentence for the person at the terminal.

EmbeddedError
├── PostgresMissing      no PostgreSQL server with pg_cron is installed, or not of the version the data was made with
├── ClusterFailed        initdb or the server ended with an error; the end of its log is in the message
├── HomeInUse            another `kronos up` owns this home
├── EncryptionKeysWrong  the keys of secrets are missing, or cannot be read
└── HomeUnusable         the home cannot be made, or has a name that PostgreSQL cannot use
"""

import os
import subprocess


class EmbeddedError(Exception):
    """Base of all: the command line prints its message and exits with 1."""


class PostgresMissing(EmbeddedError):
    """No usable PostgreSQL is installed; the message names the packages."""


class ClusterFailed(EmbeddedError):
    """PostgreSQL did not start, or did not stop."""


class HomeInUse(EmbeddedError):
    """Another `kronos up` runs, or starts, on the same home."""


class EncryptionKeysWrong(EmbeddedError):
    """The encryption keys cannot be read, or lack one that secrets are encrypted under."""


class HomeUnusable(EmbeddedError):
    """There can be no `kronos up` in this home: its name, its place or its owner forbid it."""


PASSING = (OSError, subprocess.SubprocessError, EmbeddedError)
"""What may be otherwise in a moment: a full disk, too few descriptors, a PostgreSQL that does not start."""


def explained(error: BaseException) -> str:
    """What went wrong, and with which file, without a number."""
    if isinstance(error, OSError) and error.strerror:
        named = isinstance(error.filename, (str, bytes, os.PathLike))
        return f"{error.strerror}: {os.fsdecode(error.filename)}" if named else error.strerror
    return str(error) or type(error).__name__
