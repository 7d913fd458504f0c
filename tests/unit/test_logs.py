"""What a process writes to its log."""

import json
import logging
import os
import subprocess
import sys

import pytest

from kronos import logs

_PROGRAM = """
import logging
from kronos import config, logs
logs.configure(config.load())
logging.getLogger("kronos.api").warning("ours")
for name in ("psycopg", "psycopg.pool"):
    logging.getLogger(name).warning(
        "error ignored terminating <psycopg.AsyncPipeline (host=db user=kronos_api)>: pipeline aborted"
    )
    logging.getLogger(name).error("its %s", name)
"""


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_of_the_driver_only_errors_are_logged(log_format: str) -> None:
    environment = os.environ | {
        "KRONOS_DATABASE_URL": "postgresql://",
        "KRONOS_LOG_FORMAT": log_format,
        "KRONOS_LOG_LEVEL": "DEBUG",
    }

    ran = subprocess.run([sys.executable, "-c", _PROGRAM], env=environment, capture_output=True, text=True, check=True)

    told = [line for line in ran.stderr.splitlines() if line]
    assert len(told) == 3, told
    assert all(said in line for said, line in zip(("ours", "its psycopg", "its psycopg.pool"), told, strict=True))


def test_a_line_about_a_name_that_is_not_utf_8_is_logged() -> None:
    record = logging.LogRecord("kronos", logging.WARNING, "", 0, "%s is ignored", (os.fsdecode(b"KRONOS_\xff"),), None)
    record.known = {"path": os.fsdecode(b"/\xfe")}
    line = json.loads(logs.JsonLines().format(record))
    assert (line["message"], line["path"]) == (r"KRONOS_\udcff is ignored", r"/\udcfe")
