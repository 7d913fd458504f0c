"""An orderly stop of `kronos up`."""

import signal

from embedded.conftest import Up, processes_of


def stops_all_of_it(running: Up, number: signal.Signals) -> None:
    """End it by this signal: none of its processes is left, and PostgreSQL was shut down."""
    running.process.send_signal(number)
    assert running.process.wait(60) == 0, running.said()
    assert not processes_of(running.home)
    assert not (running.home / "run.json").exists()
    assert "database system is shut down" in (running.home / "log" / "postgres.log").read_text()
