"""Steps the clock of a test's database."""

from bench.database_clock import Clock

__all__ = ["Clock"]
