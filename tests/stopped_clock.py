"""A clock of the machine that moves only when a test sets it."""


class StoppedClock:
    """Replaces the module `time` of a module under test. `now`: in seconds."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def monotonic(self) -> float:
        return self.now

    def perf_counter(self) -> float:
        return self.now
