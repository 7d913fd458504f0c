"""What a process writes to its log."""

import json
import logging
import os
import subprocess
import sys

from kronos import logs

_PROGRAM = """
import logging
from kronos import config, logs
for log_format in ("text", "json"):
    logs.configure(config.load(log_format=log_format))
    logging.getLogger("kronos.api").warning("ours")
    for name in ("psycopg", "psycopg.pool"):
        logging.getLogger(name).warning(
            "error ignored terminating <psycopg.AsyncPipeline (host=db user=kronos_api)>: pipeline aborted"
        )
        logging.getLogger(name).error("its %s", name)
"""


def test_of_the_driver_only_errors_are_logged() -> None:
    environment = os.environ | {"KRONOS_DATABASE_URL": "postgresql://", "KRONOS_LOG_LEVEL": "DEBUG"}

    ran = subprocess.run([sys.executable, "-c", _PROGRAM], env=environment, capture_output=True, text=True, check=True)

    told = [line for line in ran.stderr.splitlines() if line]
    assert len(told) == 6, told
    each = ("ours", "its psycopg", "its psycopg.pool")
    assert all(said in line for said, line in zip((*each, *each), told, strict=True))
    assert [line.startswith("{") for line in told] == [False] * 3 + [True] * 3


def test_a_line_about_a_name_that_is_not_utf_8_is_logged() -> None:
    record = logging.LogRecord("kronos", logging.WARNING, "", 0, "%s is ignored", (os.fsdecode(b"KRONOS_\xff"),), None)
    record.known = {"path": os.fsdecode(b"/\xfe")}
    line = json.loads(logs.JsonLines().format(record))
    assert (line["message"], line["path"]) == (r"KRONOS_\udcff is ignored", r"/\udcfe")
