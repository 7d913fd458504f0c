"""Why `kronos up` cannot go on, in a sentence for the person at the terminal.

EmbeddedError
├── PostgresMissing      no PostgreSQL server with pg_cron is installed, or not of the version the data was made with
├── ClusterFailed        initdb or the server ended with an error; the end of its log is in the message
└── HomeInUse            another `kronos up` owns this home
"""


class EmbeddedError(Exception):
    """Base of all: the command line prints its message and exits with 1."""


class PostgresMissing(EmbeddedError):
    """No usable PostgreSQL is installed; the message names the packages."""


class ClusterFailed(EmbeddedError):
    """PostgreSQL did not start, or did not stop."""


class HomeInUse(EmbeddedError):
    """Another `kronos up` runs, or starts, on the same home."""
