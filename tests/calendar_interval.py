"""A calendar interval, as SQL reads it."""

from dataclasses import dataclass

SCHEDULE = "kronos.read_schedule(null, %(every)s, null, %(zone)s, %(gap)s, %(overlap)s, %(anchor)s)"


@dataclass(frozen=True, slots=True)
class Interval:
    every: str
    anchor: str
    zone: str = "Europe/Berlin"
    gap: str = "SHIFT"
    overlap: str = "FIRST"

    def params(self, **more: object) -> dict[str, object]:
        names = ("every", "anchor", "zone", "gap", "overlap")
        return {name: getattr(self, name) for name in names} | more
